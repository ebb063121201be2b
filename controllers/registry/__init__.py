"""OCI registries: references, credentials, tags, digests. Knows protocols, not Kubernetes and not policies."""
