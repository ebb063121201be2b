"""The files of a release can be made from a checkout, and be used."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from api.version import VERSION
from hack.env.tools import find_built
from hack.release import dryrun
from hack.release.artifacts import build_wheel, checksums


def test_the_wheel_runs_and_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (build_wheel(tmp_path / name) for name in ("a", "b"))
    assert first.name == f"tagline-{VERSION}-py3-none-any.whl"
    assert first.read_bytes() == second.read_bytes()
    dryrun.use_wheel(first)


def test_a_wheel_that_says_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = build_wheel(tmp_path)
    monkeypatch.setattr(dryrun, "VERSION", "9.9.9")
    with pytest.raises(dryrun.Unusable, match="`tagline version` says"):
        dryrun.use_wheel(wheel)


def test_checksums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a", "b")]
    assert checksums(tmp_path.iterdir()) == "".join(lines)


@pytest.mark.skipif(find_built("helm") is None, reason="there is no helm: make helm builds it")
@pytest.mark.skipif(find_built("registry") is None, reason="there is no registry: make test builds it")
def test_everything_but_what_is_published_is_done(tmp_path: Path) -> None:
    said: list[str] = []
    dryrun.run(tmp_path / "release", said.append)
    names = {path.name for path in (tmp_path / "release").iterdir()}
    wheel = f"tagline-{VERSION}-py3-none-any.whl"
    assert names == {wheel, "install.yaml", f"tagline-{VERSION}.tgz", "notes.md", "checksums.txt"}
    assert any(line.startswith("the chart was pushed to a registry as sha256:") for line in said)
    assert sum(line.startswith("NOT RUN here: ") for line in said) == len(dryrun.NOT_RUN)
    assert shutil.which("sha256sum") is not None
    assert os.access(tmp_path / "release" / wheel, os.R_OK)
