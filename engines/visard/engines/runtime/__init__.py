"""Which engine answers a call: the ladder of ways to run a network, and changing over while it runs."""
