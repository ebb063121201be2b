"""Proxies: their addresses, and the handshakes before they connect us. Pure; the I/O is up to the caller."""
