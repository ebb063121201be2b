"""The scripts, in the shells themselves, as far as they are installed."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.completing.scripts import SCRIPTS, script
from cli.grammar.run import run
from cli.main import build_root

ROOT = Path(__file__).parents[2]
STUB = """#!/bin/sh
shift
printf '%s\\n' "$@" > "$ASKED"
for last; do :; done
case "$last" in
  ar*|--context=ar*) printf 'arn:aws:prod\\narn:aws:test\\n:4\\n' ;;
  --output=*) printf 'json\\nyaml\\n:4\\n' ;;
  file*) printf ':0\\n' ;;
  none*) printf ':4\\n' ;;
  *) printf 'app\\tthe app\\napp-beta\\tits beta\\n:4\\n' ;;
esac
"""
SECONDS = 20.0

needs = {shell: pytest.mark.skipif(not shutil.which(shell), reason=f"no {shell}") for shell in ("bash", "zsh", "fish")}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `tagline` is a program that offers always the same."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "tagline"
    program.write_text(STUB)
    program.chmod(0o755)
    (tmp_path / "file-here").touch()
    for shell in SCRIPTS:
        (tmp_path / f"script.{shell}").write_text(script(shell, "tagline"))
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "ASKED": str(tmp_path / "asked"), "HOME": str(tmp_path), "TERM": "dumb"}


def bash(environ: dict[str, str], tmp_path: Path, *words: str, kind: int = 9, typed: str = "") -> list[str]:
    code = (
        'source script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); COMP_TYPE=$KIND; _tagline_complete 2>/dev/null; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", code, "bash", *words], cwd=tmp_path, env=environ | {"KIND": str(kind)},
        input=typed, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


@needs["bash"]
def test_bash_offers_values_and_describes_them_only_in_lists(environ: dict[str, str], tmp_path: Path) -> None:
    assert bash(environ, tmp_path, "tagline", "get", "a") == ["app", "app-beta"]
    assert (tmp_path / "asked").read_text().splitlines() == ["get", "a"]
    assert bash(environ, tmp_path, "tagline", "get", "", kind=63) == ["app  (the app)", "app-beta  (its beta)"]
    assert (tmp_path / "asked").read_text() == "get\n\n"
    assert bash(environ, tmp_path, "~/bin/tagline", "get", "none") == [""]


@needs["bash"]
def test_bash_puts_words_together_that_it_has_taken_apart(environ: dict[str, str], tmp_path: Path) -> None:
    assert bash(environ, tmp_path, "tagline", "x", "--output", "=", "j") == ["json", "yaml"]
    assert (tmp_path / "asked").read_text().splitlines() == ["x", "--output=j"]
    assert bash(environ, tmp_path, "tagline", "x", "--output", "=") == ["json", "yaml"]
    assert bash(environ, tmp_path, "tagline", "--context", "=", "arn", ":", "a") == ["aws:prod", "aws:test"]
    assert (tmp_path / "asked").read_text().splitlines() == ["--context=arn:a"]


@needs["bash"]
def test_bash_leaves_what_is_typed_to_the_shell(environ: dict[str, str], tmp_path: Path) -> None:
    """A plugin for credentials that asks for something would take the next letters as its answer."""
    (tmp_path / "bin" / "tagline").write_text("#!/bin/sh\ncat\n")
    assert bash(environ, tmp_path, "tagline", "get", "a", typed="secret\n") == [""]


@needs["fish"]
def test_fish_offers_values_with_descriptions_and_files_where_it_may(environ: dict[str, str], tmp_path: Path) -> None:
    def fish(line: str) -> list[str]:
        code = f"source script.fish; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    assert fish("tagline get a") == ["app\tthe app", "app-beta\tits beta"]
    assert (tmp_path / "asked").read_text().splitlines() == ["get", "a"]
    assert fish("tagline x --output=j") == ["--output=json"]
    assert fish("tagline x file") == ["file-here"]
    assert fish("tagline x none") == []


def typed(command: list[str], environ: dict[str, str], cwd: Path, keys: list[str], until: str) -> str:
    """Return what a shell shows on a terminal for keys, each pressed when the prompt or the answer before is there."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(cwd)
        os.execvpe(command[0], command, environ)  # noqa: S606 - what is typed is what is tried
    shown, end = "", time.monotonic() + SECONDS
    waiting = iter(keys)
    try:
        while until not in shown and time.monotonic() < end:
            if not select.select([terminal], [], [], 0.5)[0]:
                os.write(terminal, next(waiting, "").encode())
                continue
            try:
                shown += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
    finally:
        os.close(terminal)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)


@needs["zsh"]
def test_zsh_completes_on_a_terminal(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "setup").write_text("autoload -Uz compinit; compinit -u; source ./script.zsh\n")
    keys = ["source ./setup; echo read''y\n", "tagline get a\t-\t\n", "echo all''done\n"]
    shown = typed(["zsh", "-f", "-i"], environ, tmp_path, keys, "alldone")
    assert "tagline get app-beta" in shown, shown


@needs["bash"]
def test_bash_asks_the_program_itself_on_a_terminal(environ: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tagline"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m cli.main "$@"\n')
    keys = ["source ./script.bash\n", "echo tagline; tagline get images pol\t--he\t\n", "echo all''done\n"]
    shown = typed(["bash", "--norc", "--noprofile", "-i"], environ, tmp_path, keys, "alldone")
    assert "Prints ImagePolicy objects" in shown, shown


def test_every_script_names_the_program_and_asks_it() -> None:
    for shell in SCRIPTS:
        text = script(shell, "tagline")
        assert "@NAME@" not in text
        assert "__complete" in text


def test_a_plugin_prints_the_script_of_the_program_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build_root("kubectl tagline"), ["completion", "bash"]) == 0
    assert "\ncomplete -o default -F _tagline_complete tagline\n" in capsys.readouterr().out
