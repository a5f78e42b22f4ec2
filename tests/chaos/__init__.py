"""The worker is killed and storage fails under a mixed load, for real; then everything has to end right."""
