"""The icon in the panel: shows how Visard is, and switches it."""
