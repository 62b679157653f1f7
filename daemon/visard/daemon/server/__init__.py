"""The control API: what runs between the daemon's socket and its service."""
