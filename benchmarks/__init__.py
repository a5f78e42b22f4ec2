"""What things cost, as ratios to what they must at least cost, taken in the same run."""
