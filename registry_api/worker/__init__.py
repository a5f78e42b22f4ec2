"""The functions that no caller waits for."""
