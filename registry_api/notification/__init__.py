"""Courier: letters to subscribers over HTTP, signed, and to nobody inside."""
