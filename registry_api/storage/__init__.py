"""Store and WorkQueue on Azure Table Storage and Storage Queues, and in memory."""
