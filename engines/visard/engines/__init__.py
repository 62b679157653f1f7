"""Compiled networks: tensors in, tensors out. This package knows nothing of faces."""
