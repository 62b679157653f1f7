"""Shapes of faces: the mesh, its pose, expression and texture plane, and drawing it."""
