"""The control plane in a world that fails: crash points one by one, and histories by the seed."""
