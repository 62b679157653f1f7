"""Face models that are trained here, and the faces that they are trained on."""
