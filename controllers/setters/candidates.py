"""Which files an update may look at. Decides by name and by a search in the bytes; opens nothing.

Follows Flux's ImageUpdateAutomation `spec.update.path`
(https://fluxcd.io/flux/components/image/imageupdateautomations/#update), with one difference: a path that leads out
of the repository is an error here, not silently confined to it.
"""

import posixpath

from controllers.setters.comments import QUOTED_KEY
from controllers.setters.errors import UnsupportedStrategy, UpdatePathOutside

STRATEGY = "Setters"
_KEY = QUOTED_KEY.encode()


def require_strategy(strategy: str) -> None:
    """Raise UnsupportedStrategy unless `spec.update.strategy` names the one strategy there is."""
    if strategy != STRATEGY:
        raise UnsupportedStrategy(strategy)


def is_candidate(path: str) -> bool:
    """Return True for `*.yaml`, `*.yml` (lower case only) and files named `Kustomization`, hidden ones included."""
    return path.endswith((".yaml", ".yml")) or posixpath.basename(path) == "Kustomization"


def has_marker(data: bytes) -> bool:
    """Return True when the file may have markers; in one without these bytes, none counts."""
    return _KEY in data


def count_markers(data: bytes) -> int:
    """Return how many markers a file may have at most."""
    return data.count(_KEY)


def resolve_update_path(path: str) -> str:
    """Return the path inside the repository, without leading or trailing slash; empty for the whole repository.

    `./apps`, `/apps` and `apps/` are the same. Whether it exists, and whether a symbolic link leads out, is for the
    caller to check. Raises UpdatePathOutside when the text climbs above the root at its end or on its way.
    """
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise UpdatePathOutside(path)
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def relative_to(path: str, base: str) -> str | None:
    """Return `path` as results name it, relative to the resolved update path; None when it is not below.

    Both are slash-separated and relative to the root of the repository. An update path that is itself a file leaves
    its base name.
    """
    if not base:
        return path
    if path == base:
        return posixpath.basename(path)
    return path[len(base) + 1 :] if path.startswith(base + "/") else None
