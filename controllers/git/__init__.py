"""Git remotes without work trees: references, object caches, commits, pushes. Knows no Kubernetes and no policy.

`engine` puts the packages together: `protocol` (messages), `transport` (HTTP, SSH), `objects` (trees, commits, packs),
`signing`, `login` (forges and clouds). What can go wrong is drawn in `errors`.
"""
