"""A real local environment without Docker: API server, registry and Git host on free loopback ports."""
