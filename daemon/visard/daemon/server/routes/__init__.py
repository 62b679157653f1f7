"""What the control API answers."""
