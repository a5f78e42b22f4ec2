"""Store, Views, Outbox and queues on Azure Table Storage and Storage Queues, and in memory."""
