"""Webhooks of registries, tried without a cluster: what one would wake, and what to enter at its sender."""
