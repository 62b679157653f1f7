"""Animators: move a still portrait with the driver's motion, a file or folder each.

See ``models.processor`` for what each one is.
"""
