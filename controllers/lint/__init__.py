"""Markers and manifests of a repository that cannot work, and what to do about each.

Pure: files in, findings out. Most answers are those of the controllers themselves (`setters`, `selection`, `update`,
`template`), asked before anything runs; what only lint asks is whether the files fit together. Rules are in `rules`.
"""
