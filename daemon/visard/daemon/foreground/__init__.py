"""Visard in a terminal: live, over a file, against the clock."""
