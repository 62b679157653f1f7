"""One file for each inference library, found by the registry."""
