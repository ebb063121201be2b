"""The Kubernetes API: client, configuration, errors, and where a kind lives in it."""
