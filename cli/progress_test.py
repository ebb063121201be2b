"""`cli.progress`: a line on a terminal for what takes long, gone at the end; commands use it where they wait."""

import io
import sys
import time
from pathlib import Path

import pytest

from cli import progress
from cli.main import main
from cli.preview_test import DEPLOYMENT, OBJECTS, write
from cli.progress import Progress, waiting


class Screen(io.StringIO):
    """Standard error, on a terminal or not."""

    def __init__(self, *, is_terminal: bool = True) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def lines(self) -> list[str]:
        """Return what was to be seen, one after the other."""
        return self.getvalue().split("\r\x1b[K")[1:]


def use_screen(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool = True) -> Screen:
    """Return what is standard error from now on; pytest would take it back after a fixture."""
    made = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_what_is_done_is_counted_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = use_screen(monkeypatch)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Progress("reading") as shown:
        for item in shown.over("abcd", "files", 4):
            now[0] += {"a": 0.5, "b": 0.6, "c": 0.01, "d": 0.2}[item]
    assert screen.lines() == ["reading: 2 of 4 files", ""]  # none in the first second, and not too many


def test_a_step_without_a_count_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = use_screen(monkeypatch)
    with waiting("cloning", after_seconds=0):
        deadline = time.monotonic() + 10
        while not screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.001)
    assert screen.lines() == ["cloning …", ""]


def test_what_is_over_soon_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = use_screen(monkeypatch)
    with waiting("cloning"), Progress("reading") as shown:
        assert list(shown.over("ab", "files", 2)) == ["a", "b"]
    assert screen.getvalue() == ""


def test_nothing_is_shown_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = use_screen(monkeypatch, is_terminal=False)
    with waiting("cloning", after_seconds=0), Progress("reading", after_seconds=0) as shown:
        assert list(shown.over("ab", "files", 2)) == ["a", "b"]
    assert screen.getvalue() == ""


def test_nobody_need_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with waiting("cloning", after_seconds=0), Progress("reading", after_seconds=0) as shown:
        assert list(shown.over("ab", "files", 2)) == ["a", "b"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["lint"], "reading: "),
        (["adopt", "--offline"], "looking for images: "),
        (["preview", "--offline"], "reading manifests: "),
        (["automate", "--once", "--state", "state.db"], "waiting for registries: "),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_commands_show_what_they_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], said: str
) -> None:
    write(tmp_path, {"apps/web.yaml": DEPLOYMENT, "clusters/objects.yaml": OBJECTS.replace("ghcr.io", "localhost:1")})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cli.automate_run.schedule_exit", lambda _: None)
    monkeypatch.setattr("cli.automate_run._configure_logging", lambda _: None)
    monkeypatch.setattr("cli.local.LOOK_SECONDS", 0.0)
    monkeypatch.setattr(Progress.__init__, "__kwdefaults__", {"after_seconds": 0.0})
    monkeypatch.setattr(progress, "EACH_SECONDS", 0.0)
    screen = use_screen(monkeypatch)
    main([argv[0], ".", *argv[1:]])
    lines = screen.lines()
    assert any(line.startswith(said) for line in lines)
    assert not lines[-1].startswith(said)  # it is gone
