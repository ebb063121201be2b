"""`tree`: which objects belong together."""
