"""Which order the author of a tag had in mind, and the policy that follows it.

One tag is all that is looked at, so that the answer is the same offline; `evidence` holds it against others. Patterns
are written without what only tagline has, so that Flux reads the objects as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from api.imagepolicy import ALWAYS, IF_NOT_PRESENT, NEVER
from controllers.policy import Alphabetical, Filter, Numerical, Policy, Semver

FIRST_YEAR: Final = 1990
"""From this number on the first part of a version is a year."""
MAX_MAJOR_DIGITS: Final = 2
"""A tag that is a longer number is a build number, not a major version."""

_VERSION: Final = re.compile(
    r"(?P<prefix>(?:[A-Za-z][A-Za-z0-9]*[-_.])*?)(?P<v>v?)(?P<core>[0-9]+(?:\.[0-9]+){0,3})(?P<suffix>(?:[-_].*)?)"
)
_PRERELEASE: Final = re.compile(
    r"-(?:alpha|beta|rc|pre|preview|dev|snapshot|canary|next|nightly|ea|m)(?:[.-]?[0-9]+)*", re.IGNORECASE
)
_REVISION: Final = re.compile(r"(?P<before>.*[-_])?(?P<mark>r|p|b|build|rev|ls)?(?P<number>[0-9]+)")
_DESCRIBED: Final = re.compile(r"[0-9]+-g[0-9a-f]{7,40}")
"""As in `git describe`: commits since the version, and the last of them."""
_ISO_TIME: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9](?:T[0-2][0-9]-?[0-5][0-9]-?[0-5][0-9]Z?)?")
_TOKEN: Final = re.compile(r"[-_.]|[^-_.]+")
_STAMP: Final = re.compile(r"1[0-9]{9}|1[0-9]{12}|20[0-9]{2}[01][0-9][0-3][0-9](?:T?[0-9]{4}|T?[0-9]{6})?Z?")
_DAY: Final = re.compile(r"20[0-9]{2}[01][0-9][0-3][0-9]")
_TIME: Final = re.compile(r"[0-2][0-9][0-5][0-9](?:[0-5][0-9])?")
_SHA: Final = re.compile(r"(?:g|sha)?(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{7,40}|[0-9a-f]{40}")
_NUMBER: Final = re.compile(r"[0-9]+")
_MARKED_NUMBER: Final = re.compile(r"(?:b|r|build|rev)(?=[0-9])")
_WORDS: Final = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+)*")
_SPECIAL: Final = re.compile(r"[.+*?()|\[\]{}^$\\]")
_DIGITS: Final = "[0-9]+"
_HEX: Final = "[0-9a-f]+"


class Level(StrEnum):
    """How far a semantic version may go by itself."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


@dataclass(frozen=True, slots=True)
class Scheme:
    """The rules of a policy for tags like one that was found; equal schemes share a policy."""

    policy: Policy
    tag_filter: Filter | None = None
    digest: str = NEVER
    """`spec.digestReflectionPolicy`."""

    @property
    def is_floating(self) -> bool:
        """Whether only the digest moves."""
        return self.digest == ALWAYS


@dataclass(frozen=True, slots=True)
class Recognition:
    """A scheme, and why."""

    scheme: Scheme
    reason: str
    """A clause for people."""
    variant: str = ""
    """What distinguishes these tags from others of the image, for the policy's name: `1-alpine`."""


def recognise(tag: str, *, level: Level = Level.MINOR, digest: bool = False) -> Recognition | None:
    """Return the scheme of a tag, None when nothing in it says which of two tags is newer.

    tag: "" is `latest`. level: for semantic versions. digest: the image is pinned by one, so the policy reads it.
    """
    recognition = _recognise(tag, level)
    if recognition is None or recognition.scheme.is_floating or not digest:
        return recognition
    scheme = recognition.scheme
    pinned = Scheme(scheme.policy, scheme.tag_filter, IF_NOT_PRESENT)
    reason = f"{recognition.reason}; its digest is read whenever the tag changes"
    return Recognition(pinned, reason, recognition.variant)


def escape(text: str) -> str:
    """Return a regular expression for a literal text; hyphens stay readable."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _recognise(tag: str, level: Level) -> Recognition | None:
    if not tag or _WORDS.fullmatch(tag):
        return _floating(tag)
    if iso := _ISO_TIME.search(tag):
        return _iso_time(tag, iso)
    version = _VERSION.fullmatch(tag)
    if version and (version["core"].count(".") or not (_SHA.search(tag) or _STAMP.search(tag))):
        return _version(tag, version, level)
    return _build(tag)


def _floating(tag: str) -> Recognition:
    """Follow what a tag means; "" is `latest`."""
    what = f"{tag} always means another image" if tag else "no tag is set, which means latest"
    reason = f"{what}, so its digest is followed, not the tag; the first update puts it behind the image"
    return Recognition(
        Scheme(Alphabetical("asc"), Filter(f"^{escape(tag or 'latest')}$"), ALWAYS), reason, tag or "latest"
    )


def _iso_time(tag: str, iso: re.Match[str]) -> Recognition:
    shape = re.sub(_DIGITS, lambda digits: f"[0-9]{{{len(digits[0])}}}", iso[0])
    pattern = f"^{_generalise(tag[: iso.start()])}(?P<time>{shape}){_generalise(tag[iso.end() :])}$"
    return Recognition(
        Scheme(Alphabetical("asc"), Filter(pattern, "$time")),
        f"{iso[0]} is a date whose text sorts like its time, so the last one is the newest",
        _words(tag),
    )


def _version(tag: str, found: re.Match[str], level: Level) -> Recognition | None:
    prefix, core, suffix = found["prefix"], found["core"], found["suffix"]
    parts = core.split(".")
    if len(parts) == 1:
        return _number(tag, found)
    year = int(parts[0]) >= FIRST_YEAR or (len(parts) < 4 and parts[1].startswith("0") and len(parts[1]) == 2)
    is_prerelease = len(parts) == 3 and _PRERELEASE.fullmatch(suffix) is not None
    range_ = _range(parts, level, year=year, prereleases=is_prerelease)
    what = f"{core} is a calendar version: {range_} takes the latest" if year else _explain(core, range_, level, parts)
    if len(parts) == 3 and not prefix and (not suffix or is_prerelease):
        what += ", prereleases included, since this is one" if is_prerelease else ""
        return Recognition(Scheme(Semver(range_)), what, parts[0])
    versions, extract = _capture(parts)
    tail, revision = _tail(suffix)
    if revision or len(parts) == 4:
        range_ = _range(parts, level, year=year, prereleases=True)
    if revision and len(parts) < 4:
        extract += "-$revision"
    pattern = f"^{escape(prefix)}{found['v']}{versions}{tail}$"
    names = suffix if not revision and not _SHA.search(suffix) else f"-{words}" if (words := _words(suffix)) else ""
    same = " and ".join(repr(text) for text in (prefix, names) if text)
    what += f"; only tags with {same} count" if same else "; only tags of this form count"
    return Recognition(Scheme(Semver(range_), Filter(pattern, extract)), what, f"{parts[0]}{names}")


def _explain(core: str, range_: str, level: Level, parts: list[str]) -> str:
    major, minor = int(parts[0]), int(parts[1])
    if level is Level.MAJOR:
        return f"{core} is a semantic version: {range_} takes every later release"
    if level is Level.PATCH or major == 0:
        why = "" if level is Level.PATCH else ": before 1.0.0 a minor release may break things"
        return f"{core} is a semantic version: {range_} takes patch releases, not {major}.{minor + 1}{why}"
    return f"{core} is a semantic version: {range_} takes minor and patch releases, not {major + 1}.0"


def _range(parts: list[str], level: Level, *, year: bool, prereleases: bool) -> str:
    numbers = [int(part) for part in parts]
    major, minor = numbers[0], numbers[1]
    if year or level is Level.MAJOR:
        return f">={major}.0.0{'-0' if prereleases else ''}"
    is_patch = level is Level.PATCH or major == 0
    if not prereleases:
        return f"~{major}.{minor}" if is_patch else f"^{major}"
    upper = f"{major}.{minor + 1}.0" if is_patch else f"{major + 1}.0.0"
    return f">={major}.{minor if is_patch else 0}.0-0 <{upper}-0"


def _capture(parts: list[str]) -> tuple[str, str]:
    """Return the pattern of a version and the template that makes a semantic version of it."""
    # No braces: Flux's post-build substitution would take ${…} for a variable of its own.
    if len(parts) == 2:
        return rf"(?P<major>{_DIGITS})\.(?P<minor>{_DIGITS})", "$major.$minor.0"
    version = rf"(?P<version>{_DIGITS}\.{_DIGITS}\.{_DIGITS})"
    match len(parts):
        case 3:
            return version, "$version"
        case _:
            return rf"{version}\.(?P<fourth>{_DIGITS})", "$version-$fourth"


def _tail(suffix: str) -> tuple[str, bool]:
    """Return the pattern of a version's suffix, and whether it has a revision that counts up."""
    if not suffix:
        return "", False
    separator, text = suffix[0], suffix[1:]
    if _DESCRIBED.fullmatch(text):
        return f"{separator}(?P<revision>{_DIGITS})-g{_HEX}", True
    revision = _REVISION.fullmatch(text)
    if revision and (revision["mark"] or not revision["before"]) and not _SHA.fullmatch(text):
        before = _generalise(revision["before"] or "")
        return f"{separator}{before}{revision['mark'] or ''}(?P<revision>{_DIGITS})", True
    return separator + _generalise(text), False


def _number(tag: str, found: re.Match[str]) -> Recognition | None:
    prefix, number, suffix = found["prefix"], found["core"], found["suffix"]
    if prefix or len(number) > MAX_MAJOR_DIGITS:
        return _build(tag)
    if suffix and _NUMBER.search(suffix) and not _WORDS.fullmatch(suffix.strip("-_0123456789.")):
        return _build(tag)
    floating = _floating(tag)
    reason = f"{tag} names a major version and moves with its releases, so its digest is followed, not the tag"
    return Recognition(floating.scheme, reason, tag)


def _build(tag: str) -> Recognition | None:
    """Recognise what build systems write: branch, commit, time or number in any order."""
    tokens = _TOKEN.findall(tag)
    stamps = [index for index, token in enumerate(tokens) if _STAMP.fullmatch(token)]
    if stamps:
        return _stamped(tag, tokens, stamps[0])
    numbers = [index for index, token in enumerate(tokens) if _NUMBER.fullmatch(token)]
    if not numbers and (mark := _MARKED_NUMBER.match(tokens[-1])) and _NUMBER.fullmatch(tokens[-1][mark.end() :]):
        tokens[-1:] = [mark[0], tokens[-1][mark.end() :]]
        numbers = [len(tokens) - 1]
    if len(numbers) != 1:
        return None
    pattern = _join(tokens, {numbers[0]: f"(?P<number>{_DIGITS})"})
    reason = f"{tokens[numbers[0]]} is the number of a build, so the greatest one is the newest"
    return Recognition(Scheme(Numerical("asc"), Filter(pattern, "$number")), reason, _words(tag))


def _stamped(tag: str, tokens: list[str], stamp: int) -> Recognition:
    groups, extract, policy = {stamp: f"(?P<ts>{_DIGITS})"}, "$ts", Numerical("asc")
    what = f"{tokens[stamp]} is the time of a build, so the greatest one is the newest"
    following = tokens[stamp + 2] if stamp + 2 < len(tokens) else ""
    if "T" in tokens[stamp] or tokens[stamp].endswith("Z"):
        shape = re.sub(_DIGITS, lambda digits: f"[0-9]{{{len(digits[0])}}}", tokens[stamp])
        pattern = _join(tokens, {stamp: f"(?P<ts>{shape})"})
        return Recognition(Scheme(Alphabetical("asc"), Filter(pattern, "$ts")), what, _words(tag))
    if _DAY.fullmatch(tokens[stamp]) and _TIME.fullmatch(following):
        groups[stamp + 2] = f"(?P<time>[0-9]{{{len(following)}}})"
        extract = "$ts$time"
    elif _DAY.fullmatch(tokens[stamp]) and _NUMBER.fullmatch(following):
        groups[stamp + 2] = f"(?P<number>{_DIGITS})"
        scheme = Scheme(Semver(">=0.0.0"), Filter(_join(tokens, groups), "$ts.$number.0"))
        return Recognition(scheme, f"{what}, by the number behind it on one day", _words(tag))
    return Recognition(Scheme(policy, Filter(_join(tokens, groups), extract)), what, _words(tag))


def _join(tokens: list[str], groups: dict[int, str]) -> str:
    parts = (groups.get(index) or _generalise_token(token) for index, token in enumerate(tokens))
    return f"^{''.join(parts)}$"


def _generalise(text: str) -> str:
    return "".join(_generalise_token(token) for token in _TOKEN.findall(text))


def _generalise_token(token: str) -> str:
    """Return the pattern of a token: any commit for a commit, else the token itself."""
    if not _SHA.fullmatch(token):
        return escape(token)
    mark = re.match("g|sha", token)
    return (mark[0] if mark else "") + _HEX


def _words(tag: str) -> str:
    """Return the words of a build's tag that name a branch or a variant."""
    tokens = [token for token in re.split("[-_.]", tag) if not re.search("[0-9]", token) and not _SHA.fullmatch(token)]
    return "-".join(token for token in tokens if token)
