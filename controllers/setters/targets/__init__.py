"""Targets: values that an automation names by file and path, where a file has no comment that could mark them.

Ours, not Flux's (`spec.update.targets`). `paths` reads a path, `nodes` a file, `edit` writes the value. As with
markers, only the bytes of the one scalar change. What cannot be written for certain becomes a finding.
"""

from controllers.setters.targets.edit import TargetPlace, apply_targets, find_places, missing
from controllers.setters.targets.paths import BadPath, parse_path
from controllers.setters.targets.target import Search, Target, anything, search_of

__all__ = [
    "BadPath",
    "Search",
    "Target",
    "TargetPlace",
    "anything",
    "apply_targets",
    "find_places",
    "missing",
    "parse_path",
    "search_of",
]
