"""Compares recorded texts and values, which may have placeholders, with those of a program; differences are diffs."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RECORDED_NAME = "flux"
KINDS_OF_TEXT = {
    "SHA": r"[0-9a-f]{40}",
    "TIMESTAMP": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)",
    "base64": r"[A-Za-z0-9+/]+={0,2}",
}
PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}|<(SHA|TIMESTAMP|base64)>")
OWN_NAME = re.compile(rf"""(?<=for "){RECORDED_NAME}(?=[" ])|(?<='){RECORDED_NAME}(?= [a-z])""")


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, and how."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}:\n{self.text}"


@dataclass(frozen=True, slots=True)
class Places:
    """What placeholders stand for in one run, and the name by which the program speaks of itself."""

    values: Mapping[str, str] = field(default_factory=dict)
    name: str = RECORDED_NAME

    def fill(self, text: str) -> str:
        """Return an input with its placeholders filled in. Raises KeyError for one that this run has not."""
        return re.sub(r"\$\{([A-Z][A-Z0-9_]*)\}", lambda found: self.values[found[1]], text)

    def rename(self, text: str) -> str:
        """Return a recorded message with the program's own name, in `for "flux …"` and in `'flux verb …'`."""
        return OWN_NAME.sub(self.name, text)

    def matches(self, expected: str, actual: str) -> bool:
        """Return True when the text is the expected one. A placeholder has one value wherever it stands."""
        if "${" not in expected and "<" not in expected:
            return expected == actual
        return re.fullmatch(self._pattern(expected), actual) is not None

    def _pattern(self, expected: str) -> str:
        parts, end, in_folder = [], 0, False
        for found in PLACEHOLDER.finditer(expected):
            parts.append(re.escape(expected[end : found.start()]))
            end = found.end()
            if found[2]:
                parts.append(KINDS_OF_TEXT[found[2]])
            elif found[1] == "TMP":  # programs work in a folder of their own in it
                parts.append(
                    "(?P=folder)" if in_folder else rf"(?P<folder>{re.escape(self.values['TMP'])}(?:/[^/\s']+)?)"
                )
                in_folder = True
            else:
                parts.append(re.escape(self.values[found[1]]))
        return "".join([*parts, re.escape(expected[end:])])


def text_difference(field: str, expected: str, actual: str, places: Places) -> list[Difference]:
    """Return how a text differs; nothing when it is the expected one to the last blank."""
    if places.matches(expected, actual):
        return []
    return [Difference(field, unified(expected, actual, places))]


def unified(expected: str, actual: str, places: Places) -> str:
    """Return the unified diff of two texts; lines that placeholders make alike are not shown as changes."""
    wanted, got = expected.splitlines(keepends=True), actual.splitlines(keepends=True)
    shown = [w if places.matches(w, g) else g for w, g in zip(wanted, got, strict=False)] + got[len(wanted) :]
    lines = difflib.unified_diff([visible(x) for x in wanted], [visible(x) for x in shown], "recorded", "ours", n=1)
    return "".join(lines)


def visible(line: str) -> str:
    """Return a line of a diff: blanks at its end and a missing newline are shown."""
    text, newline = (line[:-1], True) if line.endswith("\n") else (line, False)
    if text != text.rstrip():
        text += "<end>"
    return text + ("\n" if newline else "\\ no newline at the end\n")


def value_difference(field: str, expected: Any, actual: Any, places: Places) -> list[Difference]:
    """Return how a value that JSON can tell differs; nothing when it is the expected one."""
    if same(expected, actual, places):
        return []
    wanted, got = (json.dumps(x, indent=1, ensure_ascii=False, sort_keys=True) + "\n" for x in (expected, actual))
    return [Difference(field, unified(wanted, got, places))]


def same(expected: Any, actual: Any, places: Places) -> bool:
    """Return True when both have the same form and their texts match."""
    if isinstance(expected, str):
        return isinstance(actual, str) and places.matches(expected, actual)
    if isinstance(expected, Mapping):
        return (
            isinstance(actual, Mapping)
            and expected.keys() == actual.keys()
            and all(same(item, actual[key], places) for key, item in expected.items())
        )
    if isinstance(expected, Sequence):
        return (
            isinstance(actual, Sequence)
            and not isinstance(actual, str)
            and len(expected) == len(actual)
            and all(same(w, g, places) for w, g in zip(expected, actual, strict=True))
        )
    return type(expected) is type(actual) and bool(expected == actual)
