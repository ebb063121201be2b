"""Transports of Git's protocol: smart HTTP and SSH, directly or through a proxy."""
