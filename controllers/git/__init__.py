"""Git remotes without work trees: references, object caches, commits, pushes. Knows no Kubernetes."""
