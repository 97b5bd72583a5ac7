"""The loops: what the service does again and again by itself, a file an area."""
