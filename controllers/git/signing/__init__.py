"""Signatures on commits: OpenPGP and SSH."""
