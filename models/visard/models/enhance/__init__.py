"""Enhancers, a file each: they restore detail of swapped faces, with networks from the store."""
