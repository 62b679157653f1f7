"""Find faces, place their landmarks, follow them over frames and smooth them."""
