"""Targets: values that an automation names by file and path, where a file has no comment that could mark them.

Ours, not Flux's (`spec.update.targets`). `paths` reads a path, `nodes` a file, `edit` writes the value. As with
markers, only the bytes of the one scalar change. What cannot be written for certain becomes a finding.
"""

from controllers.setters.targets.edit import TargetPlace, apply_targets, find_places, is_json, missing, read_tree
from controllers.setters.targets.naming import Names, Unnameable
from controllers.setters.targets.paths import BadPath, parse_path
from controllers.setters.targets.target import Search, Target, anything, search_of

__all__ = [
    "BadPath",
    "Names",
    "Search",
    "Target",
    "TargetPlace",
    "Unnameable",
    "anything",
    "apply_targets",
    "find_places",
    "is_json",
    "missing",
    "parse_path",
    "read_tree",
    "search_of",
]
