"""Occluders, a file each: they find what is in front of a face, so that it stays there."""
