"""Sprig's semantic versions: parsing and ranges are those of `controllers.semver`, as for policies.

Reference: https://masterminds.github.io/sprig/semver.html.
"""

from dataclasses import dataclass
from typing import ClassVar

from controllers import semver
from controllers.semver import constraint
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.types import STRING, Kind, Type
from controllers.template.go.values import Uint64

LIBRARY = Library()
_METHODS = Library()


@dataclass(frozen=True, slots=True)
class VersionValue:
    """A `*semver.Version`."""

    go_type: ClassVar[Type]
    version: semver.Version


def _text(value: object) -> str:
    assert isinstance(value, VersionValue)
    return str(value.version)


VERSION = Type("*semver.Version", Kind.PTR, methods=_METHODS.functions, text=_text, json=_text)
VersionValue.go_type = VERSION


def _parsed(text: str) -> semver.Version:
    try:
        return semver.parse_version(text)
    except semver.BadVersion as error:
        raise FunctionFailure(str(error)) from None


@LIBRARY.add("semver", STRING)
def _semver(run: RenderContext, text: str) -> VersionValue:
    return VersionValue(_parsed(text))


@LIBRARY.add("semverCompare", STRING, STRING)
def _semver_compare(run: RenderContext, range_: str, text: str) -> bool:
    run.budget.spend(len(range_))
    try:
        wanted = constraint.parse_constraint(range_)
    except constraint.BadConstraint as error:
        raise FunctionFailure(str(error)) from None
    return wanted.admits(_parsed(text).key())


@_METHODS.add("Major")
def _major(run: RenderContext, value: VersionValue) -> Uint64:
    return Uint64(value.version.major)


@_METHODS.add("Minor")
def _minor(run: RenderContext, value: VersionValue) -> Uint64:
    return Uint64(value.version.minor)


@_METHODS.add("Patch")
def _patch(run: RenderContext, value: VersionValue) -> Uint64:
    return Uint64(value.version.patch)


@_METHODS.add("Prerelease")
def _prerelease(run: RenderContext, value: VersionValue) -> str:
    return value.version.prerelease


@_METHODS.add("Metadata")
def _metadata(run: RenderContext, value: VersionValue) -> str:
    return value.version.metadata


@_METHODS.add("Original")
def _original(run: RenderContext, value: VersionValue) -> str:
    return value.version.original


@_METHODS.add("String")
def _string(run: RenderContext, value: VersionValue) -> str:
    return str(value.version)


def _next(value: VersionValue, major: int, minor: int, patch: int) -> VersionValue:
    prefix = "v" if value.version.original.startswith("v") else ""
    return VersionValue(semver.Version(major, minor, patch, "", "", f"{prefix}{major}.{minor}.{patch}"))


@_METHODS.add("IncMajor")
def _inc_major(run: RenderContext, value: VersionValue) -> VersionValue:
    return _next(value, value.version.major + 1, 0, 0)


@_METHODS.add("IncMinor")
def _inc_minor(run: RenderContext, value: VersionValue) -> VersionValue:
    return _next(value, value.version.major, value.version.minor + 1, 0)


@_METHODS.add("IncPatch")
def _inc_patch(run: RenderContext, value: VersionValue) -> VersionValue:
    version = value.version
    return _next(value, version.major, version.minor, version.patch + (not version.prerelease))


@_METHODS.add("Compare", VERSION)
def _compare(run: RenderContext, value: VersionValue, other: VersionValue) -> int:
    return semver.compare(value.version, other.version)


@_METHODS.add("Equal", VERSION)
def _equal(run: RenderContext, value: VersionValue, other: VersionValue) -> bool:
    return semver.compare(value.version, other.version) == 0


@_METHODS.add("LessThan", VERSION)
def _less_than(run: RenderContext, value: VersionValue, other: VersionValue) -> bool:
    return semver.compare(value.version, other.version) < 0


@_METHODS.add("GreaterThan", VERSION)
def _greater_than(run: RenderContext, value: VersionValue, other: VersionValue) -> bool:
    return semver.compare(value.version, other.version) > 0
