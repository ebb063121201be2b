"""Where a proxy is, and the handshake before it connects us: pure, for whoever does the I/O."""
