"""`cli.yaml_text`: what it prints is what the `flux` command line prints (`FLUX`, on PATH, or built here)."""

import random
import subprocess
from typing import Any

import pytest

from cli.yaml_text import to_documents
from hack.env.tools import find_program

FLUX = find_program("flux")
pytestmark = pytest.mark.skipif(FLUX is None, reason="there is no flux command line: make flux-cli builds it")

SIGNS = " \n\t:#-?.,[]{}&*!|>'\"%@`~=<+_/\\0123456789aeyYnNoxTZ$é日\u2028\u00a0\U0001f600\r\x1b\u0301"
NUMBERS = "0123456789.-+_:eExXobT Z"
PARTS = ("\n", " ", "ab", "c: d", "- x", "#", "\n\n", "word ", "'" * 20)


def some_text(source: random.Random) -> str:
    match source.randrange(4):
        case 0:
            return "".join(source.choices(SIGNS, k=source.randint(1, 12)))
        case 1:
            return "".join(source.choices(NUMBERS, k=source.randint(1, 11)))
        case 2:
            words = ("".join(source.choices("abc'\"é:#$", k=source.randint(0, 30))) for _ in range(20))
            return " ".join(words)
        case _:
            return "".join(source.choices(PARTS, k=source.randint(1, 20)))


@pytest.mark.parametrize("seed", range(25))
def test_objects_are_printed_as_flux_prints_them(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 -- not for secrets
    template, author, branch, path = (some_text(source) for _ in range(4))
    labels = {key: source.choice(["", "1", "1.5", "true", "a_b", "0x1", "2001-1-1", "y"]) for key in ("b", "a-b", "ab")}
    command = [
        str(FLUX), "create", "image", "update", "app", "--git-repo-ref=r", "--author-email=e", "--export",
        f"--checkout-branch={branch}", f"--author-name={author}", f"--commit-template={template}",
        f"--git-repo-path={path}", *(f"--label={key}={value}" for key, value in labels.items()),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    spec: dict[str, Any] = {
        "git": {
            "checkout": {"ref": {"branch": branch}},
            "commit": {"author": {"email": "e", "name": author}, "messageTemplate": template},
        },
        "interval": "1m0s",
        "sourceRef": {"kind": "GitRepository", "name": "r"},
        "update": {"path": path, "strategy": "Setters"},
    }
    ours = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageUpdateAutomation",
        "metadata": {"labels": labels, "name": "app", "namespace": "flux-system"},
        "spec": spec,
    }
    assert to_documents([ours]) == done.stdout.decode()
