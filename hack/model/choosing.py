"""How a policy chooses, as the docs say it: written anew, on Python's own regular expressions. Pure.

Specs take their values from small tables, so that the meaning of each value can be written down beside it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Version = tuple[int, int, int, tuple[str, ...]]
"""Three numbers, and the identifiers of a prerelease."""

_VERSION = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9a-z.]+))?")

RANGES: Mapping[str, Callable[[Version], bool]] = {
    ">=1.0.0": lambda v: not v[3] and v[:3] >= (1, 0, 0),
    "1.x": lambda v: not v[3] and v[0] == 1,
    "~1.1.0": lambda v: not v[3] and v[:2] == (1, 1),
    "<1.1.0 || >=2.0.0": lambda v: not v[3] and (v[:3] < (1, 1, 0) or v[:3] >= (2, 0, 0)),
    ">=1.0.0-0": lambda v: v[:3] >= (1, 0, 0),
}
"""Semver ranges, and which versions are inside."""
BAD_RANGE = "one or two"

FILTERS: Mapping[str, tuple[str, str]] = {
    "": ("", ""),
    "ones": (r"^v?1\.", ""),
    "without v": (r"^v?(?P<rest>[0-9].*)$", "$rest"),
    "builds": (r"^(?P<branch>[a-z]+)-(?P<build>[0-9]+)$", "$build"),
    "branches": (r"^(?P<branch>[a-z]+)-(?P<build>[0-9]+)$", ""),
    "broken": ("(", ""),
}
"""Pattern and template of `filterTags`, by name; the empty name: no filter."""

DENIALS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "": (),
    "a tag": (("tag", "1.1.0"),),
    "a pattern": (("pattern", r"^v?1\.2"), ("tag", "2.0.0")),
    "broken": (("pattern", "("),),
}
"""`policy.deny`, by name."""

KINDS = ("semver", "alphabetical", "numerical", "keys", "newest")
MIN_AGE_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Rules:
    """What the spec of a policy says about the choice."""

    kind: str = "semver"
    range: str = ">=1.0.0"
    descending: bool = False
    filter: str = ""
    deny: str = ""
    allow_downgrade: bool = True
    min_age: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the API server takes no such spec."""
        pattern, template = FILTERS[self.filter]
        if self.kind == "newest" and not self.allow_downgrade:
            return True
        return self.kind == "keys" and (not pattern or bool(template))

    @property
    def is_invalid(self) -> bool:
        """Whether no tags could help."""
        bad_range = self.kind == "semver" and self.range == BAD_RANGE
        return bad_range or "broken" in (self.filter, self.deny)


def choose(tags: Mapping[str, int | None], rules: Rules, *, now: int, current: str) -> str | None:
    """Return the tag, None when there is nothing to choose.

    tags: with the second in which a scan found each first, None for those of a first scan
    current: the tag chosen before, empty for none
    """
    allowed = {
        tag: seen
        for tag, seen in tags.items()
        if not _is_denied(tag, rules) and not (rules.min_age and seen is not None and now - seen < MIN_AGE_SECONDS)
    }
    best = _best(allowed, rules)
    if best is None or rules.allow_downgrade or current in ("", best) or _is_denied(current, rules):
        return best
    # What was chosen before stays where the policy, given only the two, would take it.
    return current if _best({current: None, best: None}, rules) == current else best


def _is_denied(tag: str, rules: Rules) -> bool:
    return any(tag == text if what == "tag" else re.search(text, tag) is not None for what, text in DENIALS[rules.deny])


def _best(tags: Mapping[str, int | None], rules: Rules) -> str | None:
    pattern, template = FILTERS[rules.filter]
    values: dict[str, str] = {}  # value → tag; of tags with the same value the least stands for it
    for tag in sorted(tags, reverse=True):
        if match := re.search(pattern, tag):
            values[match[template[1:]] if template else tag] = tag
    ranked = _rank(values, tags, rules)
    return values[max(ranked, key=lambda value: ranked[value])] if ranked else None


def _rank(values: Mapping[str, str], seen: Mapping[str, int | None], rules: Rules) -> dict[str, Any]:
    """Return for each value what the greatest of is chosen."""
    match rules.kind:
        case "semver":
            versions = {value: version for value in values if (version := _version(value))}
            return {
                value: (_precedence(version), values[value])
                for value, version in versions.items()
                if RANGES[rules.range](version)
            }
        case "alphabetical":
            return {value: _turned(value.encode(), descending=rules.descending) for value in values}
        case "numerical":
            numbers = {value: _number(value) for value in values}
            if None in numbers.values():
                return {}  # one that is no number spoils all
            # Of equals the least by its bytes is chosen.
            return {
                value: (-(number or 0.0) if rules.descending else number or 0.0, _Reversed(values[value].encode()))
                for value, number in numbers.items()
            }
        case "keys":  # by branch, then by build
            matches = {value: re.search(FILTERS["branches"][0], value) for value in values}
            if rules.filter != "branches":
                return {}  # other patterns have no groups of these names
            return {value: (match["branch"], int(match["build"]), value) for value, match in matches.items() if match}
        case _:
            times = {value: seen[tag] for value, tag in values.items()}
            return {value: (-1 if time is None else time, value.encode()) for value, time in times.items()}


def _version(text: str) -> Version | None:
    match = _VERSION.fullmatch(text)
    if not match:
        return None
    return int(match[1]), int(match[2]), int(match[3]), tuple(match[4].split(".")) if match[4] else ()


def _precedence(version: Version) -> object:
    """Return what versions are ordered by: a release is above its prereleases, numbers are below words."""
    identifiers = [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in version[3]]
    return version[:3], not version[3], identifiers


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else None


class _Reversed:
    """Bytes that compare the other way round."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __lt__(self, other: "_Reversed") -> bool:
        return other.text < self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _turned(text: bytes, *, descending: bool) -> Any:
    return _Reversed(text) if descending else text


def without(tags: Iterable[str], exclusions: Iterable[str]) -> set[str]:
    """Return the tags in which no expression of an exclusion list is found."""
    patterns = [re.compile(text) for text in exclusions]
    return {tag for tag in tags if not any(pattern.search(tag) for pattern in patterns)}
