"""What makes registries true: a backend for each kind of cloud."""
