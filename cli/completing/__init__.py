"""Completion: what may come next on the command line, and the scripts by which shells ask for it."""
