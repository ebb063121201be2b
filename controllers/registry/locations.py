"""Where the API of a repository is: below `/v2/` of its registry, or below a path that the operator names.

Artifactory and Nexus serve each of their repositories as a registry of its own below a path, which an image reference
cannot have: what containers are pulled by, `artifactory.example.com/docker/app`, is rewritten by a proxy in front of
them. Where there is none for us, `--registry-path-prefixes` says how. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from controllers.image.reference import Image

WILDCARD = "*"
PATH = re.compile(r"(?:/[A-Za-z0-9._~*-]+)+")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a repository is."""

    base: str
    """Host, port and the path before `/v2/`."""
    repository: str
    """As the registry there knows it."""


@dataclass(frozen=True, slots=True)
class PathPrefix:
    """One rule: images of `registry` whose first path segment is `segment` are below `prefix`, without that segment."""

    registry: str
    segment: str
    """Empty: all images, with all of their path. `*`: any, which then takes the place of `*` in the prefix."""
    prefix: str

    def locate(self, image: Image) -> Location | None:
        """Return where the rule says that the image is, None where it does not apply."""
        if image.registry != self.registry:
            return None
        if not self.segment:
            return Location(image.registry + self.prefix, image.repository)
        first, slash, rest = image.repository.partition("/")
        if not slash or not rest or self.segment not in {WILDCARD, first}:
            return None
        return Location(image.registry + self.prefix.replace(WILDCARD, first), rest)


PathPrefixes = tuple[PathPrefix, ...]


def locate(image: Image, prefixes: Sequence[PathPrefix] = ()) -> Location:
    """Return where an image is; the first rule that applies counts."""
    found = (prefix.locate(image) for prefix in prefixes)
    return next((location for location in found if location), Location(image.registry, image.repository))


def parse_path_prefixes(texts: Sequence[str]) -> PathPrefixes:
    """Return rules of the form `host=/path`, `host/segment=/path` or `host/*=/path/*`. Raises ValueError."""
    return tuple(map(_parse, texts))


def _parse(text: str) -> PathPrefix:
    left, equals, prefix = text.partition("=")
    registry, _, segment = left.partition("/")
    path = prefix.rstrip("/")
    wild = WILDCARD in path
    segments = path.split("/")
    if (
        not equals
        or not registry
        or "/" in segment
        or not PATH.fullmatch(path)
        or not {".", ".."}.isdisjoint(segments)
        or (wild and segment != WILDCARD)
    ):
        raise ValueError(f"want host=/path, host/repository=/path or host/*=/path/*, got {text!r}")
    return PathPrefix(registry, segment, path)
