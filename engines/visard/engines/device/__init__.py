"""Memory, streams, events and graphs of a GPU, from whichever provider is installed."""
