"""What is said to a proxy before it connects us: pure, for whoever does the I/O."""
