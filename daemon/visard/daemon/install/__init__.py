"""Starting with the session: what is written where, on each system."""
