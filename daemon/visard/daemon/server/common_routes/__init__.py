"""What both the control API and the preview page answer."""
