"""What a registry is: pure rules and records, without I/O, SDK, clock or environment."""
