"""What the app's own table and queues are called."""

TABLE = "registries"
QUEUE = "provisioning"
NOTICES = "notifications"
