"""A small OCI registry in memory, for the demo and for tests: no build, no root, starts at once."""
