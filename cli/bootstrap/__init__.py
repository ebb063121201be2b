"""What `bootstrap git` does: components and sync manifests into a repository, and from there into a cluster."""
