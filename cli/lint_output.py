"""The forms in which `tagline lint` prints findings. Values in, text out.

SARIF 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/. GitHub's workflow commands:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from api.version import VERSION
from controllers.lint.rules import RULES, LintFinding

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def format_text(findings: Sequence[LintFinding]) -> Iterator[str]:
    """Yield a line for each finding, in the form of compilers."""
    for one in findings:
        fixable = " (--fix mends this)" if one.fix else ""
        yield f"{_place(one)}: {one.severity}: {_one_line(one.message)} [{one.rule}]{fixable}\n"


def format_json(findings: Sequence[LintFinding]) -> Iterator[str]:
    """Yield one JSON list."""
    entries = [
        {
            "rule": one.rule,
            "severity": one.severity,
            "file": one.file,
            "line": one.line,
            "column": one.column,
            "message": one.message,
            "fixable": one.fix is not None,
        }
        for one in findings
    ]
    yield json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def format_github(findings: Sequence[LintFinding]) -> Iterator[str]:
    """Yield a workflow command for each finding, which GitHub shows at its line in a pull request."""
    for one in findings:
        place = f"file={_property(one.file)}"
        place += f",line={one.line}" if one.line else ""
        place += f",col={one.column}" if one.column else ""
        yield f"::{one.severity} {place},title={_property(f'tagline {one.rule}')}::{_data(one.message)}\n"


def format_sarif(findings: Sequence[LintFinding]) -> Iterator[str]:
    """Yield one SARIF log with one run."""
    names = list(RULES)
    rules = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.summary},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in RULES.values()
    ]
    driver = {"name": "tagline", "version": VERSION, "rules": rules}
    results = [
        {
            "ruleId": one.rule,
            "ruleIndex": names.index(one.rule),
            "level": one.severity,
            "message": {"text": one.message},
            "locations": [{"physicalLocation": _location(one)}],
        }
        for one in findings
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    yield json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _location(one: LintFinding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(one.file, errors="surrogateescape")}}
    if one.line:
        location["region"] = {"startLine": one.line} | ({"startColumn": one.column} if one.column else {})
    return location


def _place(one: LintFinding) -> str:
    return ":".join([one.file, *(str(number) for number in (one.line, one.column) if number)])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[Sequence[LintFinding]], Iterator[str]]] = {
    "text": format_text,
    "json": format_json,
    "sarif": format_sarif,
    "github": format_github,
}
