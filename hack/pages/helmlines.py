"""Command lines of Helm that pages show: verbs and flags are known, and values are those of the chart."""

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final

from hack.pages.blocks import ROOT

CHART: Final = ROOT / "manifests" / "chart"
FLAGS: Final = {
    "install": frozenset({"--namespace", "--create-namespace", "--set", "--take-ownership", "--version", "--values"}),
    "upgrade": frozenset({"--namespace", "--set", "--version", "--values", "--reset-then-reuse-values", "--install"}),
    "rollback": frozenset({"--namespace"}),
    "uninstall": frozenset({"--namespace"}),
}
"""Flags that pages use, by verb."""


def problem(arguments: Sequence[str]) -> str:
    """Return what is wrong with the arguments of a command; empty for nothing."""
    verb, *rest = arguments
    if verb not in FLAGS:
        return f"helm {verb} is not among the verbs that pages use"
    flags = {word.partition("=")[0] for word in rest if word.startswith("-")}
    if unknown := flags - FLAGS[verb]:
        return f"helm {verb} does not take {', '.join(sorted(unknown))}"
    given = [value for flag, value in pairwise(rest) if flag == "--set"]
    given += [word.partition("=")[2] for word in rest if word.startswith("--set=")]
    paths = [pair.partition("=")[0] for values in given for pair in values.split(",")]
    if strange := [path for path in paths if not is_value(path)]:
        return f"the chart has no value {', '.join(strange)}"
    return ""


def is_value(path: str) -> bool:
    """Return whether the chart has a value at a path with dots."""
    schema = _schema()
    for key in path.split("."):
        if key not in schema.get("properties", {}):
            return False
        schema = schema["properties"][key]
    return True


@cache
def _schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return found
