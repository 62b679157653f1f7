"""Which engine answers a call: the candidates for a network, measured side by side, and changing over."""
