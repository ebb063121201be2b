"""A checkout on disk, read as a run reads a commit: who would preview a change has no remote to ask."""
