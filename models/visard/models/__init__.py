"""Networks about faces and the geometry around them: track, swap, animate."""
