"""ServiceAccounts as identities in a cloud: reads them, has Kubernetes issue tokens for them, logs in with those.

Knows Kubernetes; the clouds themselves are in `cloud`.
"""
