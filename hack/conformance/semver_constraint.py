"""Does a range parse, and does it accept a version? In: `constraint`, `version`."""

from typing import Any

from controllers.semver.constraint import BadConstraint, parse_constraint
from controllers.semver.version import BadVersion, parse_tag, parse_version, tag_key


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return the case's `out`, or `error`, as our code answers it."""
    text = question["version"]
    try:
        constraint = parse_constraint(question["constraint"])
    except BadConstraint as error:
        return {"error": str(error)}
    try:
        version = parse_version(text)
    except BadVersion as error:
        return {"out": {"version_error": str(error)}}
    return {"out": {"match": constraint.admits(version.key()), "flux_parse_ok": is_tag_version(text)}}


def is_tag_version(text: str) -> bool:
    """Return True when both parsers, the one with error texts and the fast one, take the tag for a version."""
    key = tag_key(text)
    try:
        version = parse_tag(text)
    except BadVersion:
        version = None
    if key != (version.key() if version else None):
        raise AssertionError(f"tag_key and parse_tag differ on {text!r}")
    return key is not None


def check(case: dict[str, Any]) -> str | None:
    got = answer(case["in"])
    want = {key: case[key] for key in ("out", "error") if key in case}
    return None if got == want else f"got {got}, want {want}"
