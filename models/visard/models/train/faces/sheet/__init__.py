"""Contact sheets of a set of faces: one picture, and one page."""
