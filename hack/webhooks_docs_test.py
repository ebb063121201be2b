"""`docs/webhooks.md`: its table is that of the code, and what it shows is what the command prints."""

import re
import shlex
from pathlib import Path

import pytest

from cli.main import main as tagline
from controllers.webhooks.senders.table import SENDERS

PAGE = (Path(__file__).parents[1] / "docs" / "webhooks.md").read_text()


def test_every_sender_is_documented() -> None:
    section = PAGE.partition("## Senders\n")[2].partition("\n## ")[0]
    rows = [tuple(row) for row in re.findall(r"^\| (`.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)]
    assert rows == [
        (", ".join(f"`{name}`" for name in (sender.type, *sender.aliases)), sender.title, sender.setup.verified)
        for sender in SENDERS
    ]


def test_what_is_shown_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    payload = re.search(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    shown = re.search(r"^```\n\$ tagline (.*?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert payload
    assert shown
    (tmp_path / "release.json").write_text(payload[1])
    assert tagline(shlex.split(shown[1])) == 0
    assert capsys.readouterr().out == shown[2]
