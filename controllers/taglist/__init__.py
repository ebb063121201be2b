"""Tag lists in the Kubernetes API: written by the scanner, read by the policies.

The data format is `registry.chunks`; this package knows which objects hold the chunks and in which order they are
written and checked, so that a list that is half written is never read as a whole.
"""
