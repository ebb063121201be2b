"""The `tagline` command."""
