"""What the system does: one plain function per verb, with everything it needs as named parameters."""
