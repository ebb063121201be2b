"""`controllers.template`: templates answered by Go itself; see testdata/README.md.

This is a sample of 45 356 templates, of which 594 were answered differently when they were recorded. The differences
that are left are on purpose or have no use: verbs that print the inside of a time or a version, addresses (`%p`),
precision of hexadecimal floats; functions on strings that are not UTF-8 (`snakecase`, regular expressions); methods of
a time that return its zone; depth limits; copies of a version, which sprig empties.
"""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controllers.template import (
    DataModel,
    FileChange,
    ObjectRef,
    TemplateChange,
    TemplateData,
    TemplateFailure,
    render_bytes,
)

ANSWERS = Path(__file__).parent / "testdata" / "go_answers.jsonl"
DATA = TemplateData(
    "ns",
    "name",
    [
        FileChange(
            "apps/web.yaml",
            ObjectRef("apps/v1", "Deployment", "prod", "web"),
            [TemplateChange("nginx:1.0.0", "nginx:1.1.0", "flux-system:app")],
        )
    ],
    {"env": "prod", "uml": "héllo wörld"},
)
NOW = datetime(2025, 1, 1, tzinfo=UTC)


def answers() -> list[dict[str, Any]]:
    with ANSWERS.open(encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def given_by_go(answer: dict[str, Any]) -> bytes | str:
    if "error" in answer:
        return str(answer["error"])
    return base64.b64decode(answer["message_b64"]) if "message_b64" in answer else answer["message"].encode()


def given_by_us(template: str) -> bytes | str:
    try:
        return render_bytes(template, DATA, now=NOW, model=DataModel.CURRENT)
    except TemplateFailure as failure:
        return str(failure)


def test_all_recorded_answers_are_there() -> None:
    assert len(answers()) == 1461


@pytest.mark.parametrize("part", range(8))
def test_answers_are_those_of_go(part: int) -> None:
    different = [
        (answer["template"], given_by_us(answer["template"]), given_by_go(answer))
        for answer in answers()[part::8]
        if given_by_us(answer["template"]) != given_by_go(answer)
    ]
    assert different == []
