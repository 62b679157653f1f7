"""Frames and how they travel; files of pictures and sound."""
