"""What was compiled, on disk."""
