"""Swappers: replace the face inside the driver's frame, a file or folder each.

See ``models.processor`` for what each one is.
"""
