"""What a client may import: schema, client, address."""
