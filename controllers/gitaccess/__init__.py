"""Access to a Git repository: from a GitRepository and Secrets to a remote, the branches of a run, and a signer.

Knows Kubernetes; `git` knows the protocols.
"""
