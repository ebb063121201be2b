"""The Kubernetes API: client, configuration, errors, request paths, and what the runtime reads of an object."""
