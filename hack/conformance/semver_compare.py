"""How is a version read, and how do two compare? In: `kind` "parse" with `version`, or "compare" with `a` and `b`."""

from collections.abc import Callable
from typing import Any

from controllers.semver.version import BadVersion, Version, compare, parse_strict_version, parse_tag, parse_version


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return the case's `out`, or `error`, as our code answers it."""
    try:
        if question["kind"] == "parse":
            return {"out": read(question["version"])}
        order = compare(parse_version(question["a"]), parse_version(question["b"]))
    except BadVersion as error:
        return {"error": str(error)}
    return {"out": {"compare": order, "equal": order == 0, "greater": order > 0, "less": order < 0}}


def read(text: str) -> dict[str, Any]:
    version = parse_version(text)
    return {
        "major": version.major,
        "minor": version.minor,
        "patch": version.patch,
        "prerelease": version.prerelease,
        "metadata": version.metadata,
        "string": str(version),
        "original": version.original,
        "flux_error": refusal(parse_tag, text),
        "strict_error": refusal(parse_strict_version, text),
    }


def refusal(parse: Callable[[str], Version], text: str) -> str | None:
    try:
        parse(text)
    except BadVersion as error:
        return str(error)
    return None


def check(case: dict[str, Any]) -> str | None:
    got = answer(case["in"])
    want = {key: case[key] for key in ("out", "error") if key in case}
    return None if got == want else f"got {got}, want {want}"
