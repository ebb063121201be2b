"""OCI registries: login, tags, digests, image metadata. Knows protocols, not Kubernetes and not policies.

`client` sends and `session` negotiates; budgets, retries, pages and the meaning of answers are decided in modules
without I/O. What can go wrong is drawn in `errors`.
"""
