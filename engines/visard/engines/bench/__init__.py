"""How fast engines are, and how fast they could be."""
