"""`docs/adopt.md`: what it and docs/lint.md show is what the commands print."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from cli.main import main as tagline
from controllers.lint.rules import RULES

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["adopt.md", "lint.md"])
def test_what_is_shown_is_printed(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Play the page: blocks that begin with a file's name are files, blocks that begin with `$` are commands."""
    subprocess.run(["git", "init", "-q", "-b", "main", "."], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    blocks = FENCE.findall((DOCS / page).read_text())
    for language, body in blocks:
        if language == "yaml" and (found := re.match(r"# (apps/\S+)\n", body)):
            target = tmp_path / found[1]
            target.parent.mkdir(exist_ok=True)
            target.write_text(body)
    answers = [body.partition("\n") for _, body in blocks if body.startswith("$ ")]
    assert answers
    for command, _, answer in answers:
        tagline(shlex.split(command)[2:])
        shown = capsys.readouterr()
        assert shown.out + shown.err == answer


def test_every_rule_is_documented() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.+?) \|$", (DOCS / "lint.md").read_text(), re.MULTILINE)
    assert rows == [
        (rule.name, str(rule.severity), rule.summary + (" (`--fix`)" if rule.is_fixable else ""))
        for rule in RULES.values()
    ]
