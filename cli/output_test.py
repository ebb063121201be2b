"""`cli.output`: what every verb prints, and where: pipes that close, full disks, hostile names and values."""

import io
import json
import os
import pty
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from api.version import VERSION
from cli.main import main
from cli.output import encode_json, encode_text, one_line
from cli.preview_test import DEPLOYMENT, OBJECTS, git, write

ROOT = Path(__file__).parents[1]
VERBS = {
    "version": ["version", "--client"],
    "help": ["preview", "--help"],
    "policy": ["policy", "test", "--semver", "*", "1.0.0", "2.0.0"],
    "preview": ["preview", "--offline", "--tags=ghcr.io/org/web=../tags"],
    "preview-json": ["preview", "--offline", "--tags=ghcr.io/org/web=../tags", "-o", "json"],
    "preview-markdown": ["preview", "--offline", "--tags=ghcr.io/org/web=../tags", "-o", "markdown"],
    "preview-github": ["preview", "--offline", "--tags=ghcr.io/org/web=../tags", "-o", "github"],
    "explain": ["explain", "apps/web.yaml:4", "--offline", "--tags=ghcr.io/org/web=../tags"],
    "lint": ["lint", "apps/stray.yaml"],
    "lint-sarif": ["lint", "-o", "sarif"],
    "adopt": ["adopt", "--offline"],
    "adopt-yaml": ["adopt", "--offline", "-o", "yaml"],
    "adopt-json": ["adopt", "--offline", "-o", "json"],
    "automate": ["automate", "../suspended.yaml", "--once"],
    "automate-json": ["automate", "../suspended.yaml", "--once", "-o", "json"],
}
FAILING = {"lint", "lint-sarif"}


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    root = tmp_path / "fleet"
    stray = '# {"$imagepolicy": "flux-system:web"}\n'
    write(root, {"apps/web.yaml": DEPLOYMENT, "clusters/objects.yaml": OBJECTS, "apps/stray.yaml": stray})
    write(root, {"apps/new.yaml": "image: ghcr.io/org/new:1.0.0\n"})
    git(root, "init", "-q", "-b", "main")
    (tmp_path / "tags").write_text("1.0.0\n1.2.0\n")
    (tmp_path / "suspended.yaml").write_text(
        OBJECTS.partition("---")[0].replace("interval: 1m", "interval: 1m, suspend: true")
    )
    return root


def shell(fleet: Path, verb: str, redirection: str) -> subprocess.CompletedProcess[str]:
    """Run a verb with its output somewhere, and return the verb's own exit status."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(fleet.parent), "PYTHONPATH": str(ROOT)}
    script = f'"$0" -m cli.main "$@" {redirection}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(
        ["bash", "-c", script, sys.executable, *(VERBS | MORE_VERBS)[verb]],
        cwd=fleet, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_a_reader_that_leaves_is_no_error(fleet: Path, verb: str) -> None:
    done = shell(fleet, verb, "| true")
    assert (done.returncode, done.stderr) == (int(verb in FAILING), "")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if not verb.startswith(("preview-", "adopt-", "lint-"))])
@pytest.mark.parametrize(
    ("redirection", "said"),
    [(">/dev/full", "standard output cannot be written: No space left on device\n"),
     (">&-", "standard output is closed\n")],
    ids=["full", "closed"],
)  # fmt: skip
def test_output_that_is_lost_is_said(fleet: Path, verb: str, redirection: str, said: str) -> None:
    done = shell(fleet, verb, redirection)
    assert (done.returncode, done.stderr.endswith(said)) == (1, True)
    assert verb == "help" or done.stderr == said  # argparse prints help to another place then


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
@pytest.mark.parametrize("verb", ["lint", "preview", "adopt"])
def test_errors_that_nobody_can_read_change_nothing(fleet: Path, verb: str, redirection: str) -> None:
    (fleet / "apps" / "bad.yaml").write_text("a: [\n# $imagepolicy\n")
    assert shell(fleet, verb, redirection).stdout == shell(fleet, verb, "").stdout != ""


HOSTILE = "x\x1b]0;owned\x07\ndiff --git a.yaml b.yaml\u202e\x9b\r.yaml"
VALUE = '"ghcr.io/org/web:1.0.0\\e[2J\\nproblem: forged"'


@pytest.fixture
def hostile(fleet: Path) -> Path:
    """Return a repository whose names and values command terminals, forge lines, and are no text."""
    write(
        fleet, {f"apps/{HOSTILE}": DEPLOYMENT.replace("ghcr.io/org/web:1.0.0", VALUE), "apps/\udcff.yaml": DEPLOYMENT}
    )
    write(fleet, {f"apps/lint{HOSTILE}": '# {"$imagepolicy": "flux-system:web"}\n', f"apps/bad{HOSTILE}": "a: [\n"})
    write(fleet, {f"apps/new{HOSTILE}": 'kind: "\\e[2J\\nforged"\nimage: ghcr.io/org/other:1.0.0\n'})
    write(fleet, {f"apps/k{HOSTILE}": "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolici\n"})
    (fleet / ".git" / "config").write_text((fleet / ".git" / "config").read_text() + "[core]\n\tquotepath = true\n")
    return fleet


HARMLESS = [
    *(name for name in VERBS if name not in {"version", "help", "policy", "automate", "automate-json"}),
    "lint-github", "lint-json", "lint-text", "explain-image", "adopt-summary", "automate-hostile",
]  # fmt: skip
MORE_VERBS = {
    "lint-github": ["lint", "-o", "github"],
    "lint-json": ["lint", "-o", "json"],
    "lint-text": ["lint"],
    "explain-image": ["explain", "ghcr.io/org/web", "--offline", "--tags=ghcr.io/org/web=../tags"],
    "adopt-summary": ["adopt", "--offline", "-o", "summary"],
    "adopt-write": ["adopt", "--offline", "--write", "-o", "summary"],
    "automate-hostile": ["automate", ".", "--once"],
}


def controls(text: str) -> set[str]:
    return {char for char in text if not char.isprintable() and char not in "\n\t"}


@pytest.mark.parametrize("verb", [*HARMLESS, "adopt-write"])
def test_names_and_values_neither_command_a_terminal_nor_forge_a_line(hostile: Path, verb: str) -> None:
    done = shell(hostile, verb, "")
    diff = done.stdout.find("\ndiff --git a/") if verb in {"preview", "adopt"} else -1
    said = done.stdout if diff < 0 else done.stdout[:diff]
    assert controls(said + done.stderr) == set()
    assert not any(
        line.startswith(("diff --git a.yaml", "problem: forged", "forged"))
        for line in [*said.splitlines(), *done.stderr.splitlines()]
    )
    assert "Traceback" not in done.stderr
    assert "owned" in said + done.stderr or verb in {"explain", "adopt-yaml", "lint"}
    if verb.endswith(("json", "sarif")):
        json.loads(done.stdout)


def test_a_diff_in_a_pipe_is_exact(fleet: Path) -> None:
    """Whatever bytes the file has: they are in the lines around the change."""
    around = {"web.yaml": "# \u202e \xa0\t\r\n".encode(), "plain.txt": b"\x1b[2J \xc2\x9b \x07\r\r\n\x0c"}
    objects = fleet / "clusters" / "objects.yaml"
    objects.write_text(objects.read_text().replace("strategy: Setters", 'strategy: Setters, files: ["*.txt"]'))
    values = {"web.yaml": DEPLOYMENT, "plain.txt": f"\nIMAGE={DEPLOYMENT.partition('image: ')[2]}"}
    for name, text in around.items():
        (fleet / "apps" / name).write_bytes(text + values[name].encode() + text)
    done = shell(fleet, "preview", "| git apply")
    assert (done.returncode, done.stderr) == (0, "")
    for name, text in around.items():
        assert (fleet / "apps" / name).read_bytes() == text + values[name].replace("1.0.0", "1.2.0").encode() + text


@pytest.mark.parametrize("verb", ["preview", "adopt"])
def test_a_diff_on_a_terminal_is_escaped(hostile: Path, verb: str) -> None:
    for name in ("web", "new"):
        path = hostile / "apps" / f"{name}.yaml"
        path.write_text(path.read_text() + "# \u202e owned\n")
    leader, follower = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(hostile.parent), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *VERBS[verb]], cwd=hostile, env=environment, stdout=follower
    ):
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 1 << 16):
                shown += piece
        except OSError:  # the other end is closed
            pass
    os.close(leader)
    assert b" # \\u202e owned\r\n" in shown
    assert "\u202e".encode() not in shown


def test_json_means_the_same() -> None:
    value = {"a": "\x9b\u202e\ufeff\udcff\x7f ä\U0001f600 \\u", "b": "\x1b"}
    encoded = encode_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(encoded) == value
    assert controls(encoded.decode()) == set()


def test_a_line_ends_where_it_ends() -> None:
    assert one_line("a\nb\udcff\n") == "a\\nb\\xff\n"
    assert one_line("a") == "a"
    assert encode_text("a\nb\t\x1b\udcff") == b"a\nb\t\\x1b\\xff"


def test_who_collects_text_gets_text() -> None:
    with redirect_stdout(io.StringIO()) as collected:
        assert main(["version", "--client"]) == 0
    assert collected.getvalue() == f"tagline: v{VERSION}\n"
