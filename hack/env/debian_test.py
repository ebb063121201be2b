"""Packages of Debian are unpacked with the libraries that the machine lacks, once; what cannot be had says why."""

import os
from pathlib import Path

import pytest

from hack.env import debian

APT = """#!/bin/sh
echo "$@" >>"$LOG"
case "$*" in
*update*) ;;
*--simulate*) printf 'Inst tool (1)\\nInst libnew1 (2)\\nInst libc6 (3)\\nInst tool-data (1)\\n' ;;
*download*) [ -z "$OFFLINE" ] || { echo "E: no network" >&2; exit 100; }
  shift $(($# - 1 - PACKAGES)); for name; do touch "$name.deb"; done ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib"
case "$2" in
*libnew1.deb) touch "$3/usr/lib/libnew.so.1" ;;
*patchelf.deb)
  printf '#!/bin/sh\\necho "patchelf $@" >>"$LOG"\\n' >"$3/usr/bin/patchelf"
  chmod +x "$3/usr/bin/patchelf" ;;
*tool.deb) touch "$3/usr/bin/tool" ;;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which stand-ins of apt and dpkg write how they were called."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"apt-get": APT, "dpkg-deb": DPKG, "ldd": '#!/bin/sh\necho "$LDD"\n'}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PACKAGES", "2")
    monkeypatch.setenv("LDD", "libc.so.6 => /lib/libc.so.6")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "log"


def fetch() -> Path:
    return debian.unpacked("test", ["tool"], ["usr/bin/tool", "usr/bin/of-a-newer-release"])


def test_it_is_fetched_once_with_the_libraries_that_are_lacking(log: Path) -> None:
    folder = fetch()
    assert (folder / "usr/bin/tool").exists()
    assert (folder / "usr/lib/libnew.so.1").exists()
    said = log.read_text().splitlines()
    assert said[2].endswith("download -q tool libnew1 patchelf"), "not the C library, and no data that is no library"
    assert said[3].endswith(f"--set-rpath {folder}/usr/lib {folder}.part/usr/bin/tool")
    assert fetch() == folder
    assert len(log.read_text().splitlines()) == len(said)


def test_what_is_there_is_found_and_nothing_is_fetched(log: Path) -> None:
    assert debian.find_unpacked("test", ["tool"]) is None
    assert not log.exists()
    folder = fetch()
    assert debian.find_unpacked("test", ["tool"]) == folder
    assert debian.find_unpacked("test", ["tool", "other"]) is None


def test_another_list_of_packages_is_fetched_anew(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch()
    monkeypatch.setenv("PACKAGES", "3")
    folder = debian.unpacked("test", ["tool", "other"], ["usr/bin/tool"])
    assert "download -q tool other libnew1 patchelf" in log.read_text()
    assert (folder / "complete").read_text() == "tool\nother"


def test_a_library_that_is_still_missing_is_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDD", "libz.so.9 => not found")
    with pytest.raises(debian.NotUnpacked, match=r"lacks libraries here: libz\.so\.9"):
        fetch()
    monkeypatch.setenv("LDD", "")
    assert (fetch() / "complete").exists(), "it is tried again"


def test_what_apt_says_is_quoted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFLINE", "1")
    with pytest.raises(debian.NotUnpacked, match="apt-get download failed: E: no network"):
        fetch()


def test_without_apt_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert debian.find_unpacked("test", ["tool"]) is None
    with pytest.raises(debian.NotUnpacked, match="with apt only"):
        fetch()
