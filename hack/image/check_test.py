"""The checks of an image fail for images that are not what they have to be."""

import json
import py_compile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hack.image import build, check
from hack.image.container import Unpacked

LABELS = {f"org.opencontainers.image.{name}": "x" for name in check.LABELS}

LOCK = {"click": "aa", "h11": "bb"}


def write_bill(root: Path, parts: list[dict[str, Any]]) -> None:
    (root / build.BILL).write_text(json.dumps({"components": parts}))


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unpacked:
    """Return an image of one module, of which nothing is run."""
    monkeypatch.setattr(check, "size_of", lambda _: 1)
    monkeypatch.setattr(check, "_commands", lambda *_: iter(()))
    module = tmp_path / "rootfs/opt/a.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    (tmp_path / "rootfs/tmp").mkdir()
    (tmp_path / "rootfs/tmp").chmod(0o1777)
    py_compile.compile(str(module), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    (tmp_path / "rootfs" / build.BILL).parent.mkdir(parents=True)
    parts = [{"name": name, "version": "1", "hashes": [{"content": digest}]} for name, digest in LOCK.items()]
    write_bill(tmp_path / "rootfs", [*parts, {"name": "libc6"}])
    for name in (*LOCK, "tagline"):
        (tmp_path / f"rootfs/opt/tagline/lib/python3.11/site-packages/{name}-1.dist-info").mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/run.txt").write_text(
        "".join(f"{name}==1 \\\n    --hash=sha256:{digest} \\\n    --hash=sha256:00\n" for name, digest in LOCK.items())
    )
    monkeypatch.setattr(check, "ROOT", tmp_path)
    config: Mapping[str, Any] = {"config": {"Labels": dict(LABELS)}}
    return Unpacked(Path("runc"), tmp_path, config)


def judge(image: Unpacked) -> list[str]:
    return list(check.check(image, build.CLOUD))


def test_a_good_one_passes(image: Unpacked) -> None:
    assert any("bytecode of 1 modules" in line for line in judge(image))


def test_one_that_is_too_large(image: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "size_of", lambda _: 200_000_001)
    with pytest.raises(check.CheckFailed, match="more than 200000000"):
        judge(image)


@pytest.mark.parametrize(
    "program", ["bin/sh", "usr/bin/bash", "usr/sbin/dpkg", "opt/tagline/bin/pip3.11", "bin/gcc-12"]
)
def test_one_with_a_program_that_nobody_needs(image: Unpacked, program: str) -> None:
    (image.root / program).parent.mkdir(parents=True, exist_ok=True)
    (image.root / program).touch()
    with pytest.raises(check.CheckFailed, match=program):
        judge(image)


@pytest.mark.parametrize(
    "mode", [pytest.param(0o777, id="writable"), pytest.param(0o775, id="by-group"), pytest.param(0o4755, id="setuid")]
)
def test_one_with_loose_rights(image: Unpacked, mode: int) -> None:
    (image.root / "opt/program").touch()
    (image.root / "opt/program").chmod(mode)
    with pytest.raises(check.CheckFailed, match="opt/program"):
        judge(image)


@pytest.mark.parametrize("how", ["none", "by-time"])
def test_one_whose_bytecode_is_not_used(image: Unpacked, how: str) -> None:
    module = image.root / "opt/b.py"
    module.write_text("")
    if how == "by-time":
        py_compile.compile(str(module), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    with pytest.raises(check.CheckFailed, match=r"b\..*(has no bytecode|only if the source's time is right)"):
        judge(image)


def test_one_without_a_label(image: Unpacked) -> None:
    image.config["config"]["Labels"]["org.opencontainers.image.revision"] = ""
    with pytest.raises(check.CheckFailed, match="labels are missing: revision"):
        judge(image)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        pytest.param([("click", "aa")], "bill and lock differ.*h11", id="missing"),
        pytest.param([("click", "aa"), ("h11", "cc")], "no such files.*h11", id="other-file"),
        pytest.param([("click", "aa"), ("h11", "bb")], "no package of the base", id="no-base"),
    ],
)
def test_one_whose_bill_is_not_that_of_the_lock(image: Unpacked, parts: list[tuple[str, str]], why: str) -> None:
    write_bill(image.root, [{"name": n, "version": "1", "hashes": [{"content": h}]} for n, h in parts])
    with pytest.raises(check.CheckFailed, match=why):
        judge(image)


def test_one_with_a_package_that_is_on_no_bill(image: Unpacked) -> None:
    (image.root / "opt/tagline/lib/python3.11/site-packages/stray-1.dist-info").mkdir()
    with pytest.raises(check.CheckFailed, match=r"4 packages are installed.*stray"):
        judge(image)


@pytest.mark.parametrize("name", ["etc/pip.conf", "run/secrets/ca.pem"])
def test_one_with_what_the_build_was_told(image: Unpacked, name: str) -> None:
    (image.root / name).parent.mkdir(parents=True)
    (image.root / name).touch()
    with pytest.raises(check.CheckFailed, match="told about its machine"):
        judge(image)


def test_every_process_is_started() -> None:
    present = {path.parent.name for path in Path(build.ROOT / "controllers").glob("*/__main__.py")}
    started = {command[2].removeprefix("controllers.") for command in check.commands() if command[0] == "python"}
    assert started == present
