"""`Dockerfile`: what is built from, what its last stage says, and what must never be a line of it."""

import re
from pathlib import Path

import pytest

from hack.image import check

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
LINES = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
FINAL = LINES[[number for number, line in enumerate(LINES) if line.startswith("FROM ")][-1] :]


def of(lines: list[str], instruction: str) -> list[str]:
    return [line.removeprefix(instruction).strip() for line in lines if line.startswith(f"{instruction} ")]


def test_the_base_is_given_by_digest_and_nothing_else_is_built_from() -> None:
    assert of(LINES, "FROM") == ["${PYTHON_IMAGE} AS build", "scratch"]
    assert re.search(r'case "\$PYTHON_IMAGE" in \*@sha256:\*\) ;; \*\).*exit 1', TEXT)
    assert of(LINES, "ARG")[0] == "PYTHON_IMAGE", "no default: a base is chosen"
    assert re.findall(r"--from=(\S+)", TEXT) == ["build"]


def test_no_secret_and_nothing_of_a_machine_is_a_line() -> None:
    values = [*of(LINES, "ARG"), *of(LINES, "ENV")]
    assert not [v for v in values if re.search(r"(?i)token|passw|secret|proxy|index|cert", v)]
    assert not re.search(r"https?://(?!github\.com/tagline/)", TEXT)
    mounted = re.findall(r"--mount=(\S+)", TEXT)
    assert mounted == [
        "type=secret,id=pip.conf,target=/etc/pip.conf",
        "type=secret,id=ca.pem,target=/run/secrets/ca.pem",
    ], "secrets are mounted, and are optional (not required)"


def test_packages_are_installed_by_hash_or_without_an_index() -> None:
    installs = [part for line in of(LINES, "RUN") for part in line.split("&&") if re.search(r"pip .*\binstall\b", part)]
    assert len(installs) == 3
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)


def test_the_last_stage_runs_nothing_and_ends_as_nobody() -> None:
    assert {line.split()[0] for line in FINAL if line.strip()} <= {
        "FROM",
        "ARG",
        "LABEL",
        "COPY",
        "ENV",
        "WORKDIR",
        "USER",
        "CMD",
    }
    assert of(FINAL, "USER") == ["65534:65534"]
    assert "PYTHONDONTWRITEBYTECODE=1" in of(FINAL, "ENV")[0]


@pytest.mark.parametrize("label", check.LABELS)
def test_every_label_has_a_value(label: str) -> None:
    assert re.search(rf'org\.opencontainers\.image\.{label}="[^"]+"', of(FINAL, "LABEL")[0])


def test_both_locks_are_sent_and_none_has_a_variant_of_its_own() -> None:
    sent = (ROOT / ".dockerignore").read_text()
    for name in ("build", "run", "run-nocloud"):
        assert f"!requirements/{name}.txt" in sent
        assert (ROOT / "requirements" / f"{name}.txt").exists()
