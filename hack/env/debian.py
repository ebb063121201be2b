"""Debian's programs without installing them: packages unpacked into the tool cache.

The machine is not changed: nothing is installed and no service is started. apt works with lists and a cache of its own
in our folder, so it needs no root; it checks the signatures of what it fetches.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hack.env.tools import cache_root, file_lock

APT_SECONDS = 300
FETCHERS = ("apt-get", "dpkg-deb", "ldd")


class NotUnpacked(RuntimeError):
    """A package cannot be had here; the message says why, not what to install."""


def can_fetch() -> bool:
    """Return True on Debian and its relatives."""
    return all(shutil.which(program) for program in FETCHERS)


def unpacked(name: str, packages: Sequence[str], programs: Sequence[str]) -> Path:
    """Return a folder of the tool cache with packages and the libraries that the machine lacks, fetched once.

    name: of the folder, with release and architecture added. programs: the binaries in it that are run, as paths
    relative to it; each finds its libraries there. Those that the packages do not have are passed over. Progress goes
    to stderr. Raises NotUnpacked.
    """
    if not can_fetch():
        raise NotUnpacked(f"it can be fetched with apt only, and there is no {' or '.join(FETCHERS)}")
    folder = _folder(name)
    if _is_complete(folder, packages):
        return folder
    cache_root().mkdir(parents=True, exist_ok=True)
    with file_lock(cache_root() / f"{folder.name}.lock"):
        if not _is_complete(folder, packages):
            try:
                _fetch(folder, packages, programs)
            except subprocess.CalledProcessError as error:
                raise NotUnpacked(f"it cannot be unpacked: {error}") from None
    return folder


def find_unpacked(name: str, packages: Sequence[str]) -> Path | None:
    """Return the folder of `unpacked` if the cache has it; fetch nothing."""
    return folder if can_fetch() and _is_complete(folder := _folder(name), packages) else None


def _folder(name: str) -> Path:
    release = platform.freedesktop_os_release()
    return cache_root() / f"{name}-{release['ID']}-{release.get('VERSION_ID', 'rolling')}-{platform.machine()}"


def _is_complete(folder: Path, packages: Sequence[str]) -> bool:
    complete = folder / "complete"
    return complete.exists() and complete.read_text() == "\n".join(packages)


def _fetch(folder: Path, packages: Sequence[str], programs: Sequence[str]) -> None:
    started = time.monotonic()
    print(f"fetching {', '.join(packages)} from Debian (nothing is installed)", file=sys.stderr, flush=True)
    part = folder.parent / f"{folder.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    apt = _Apt(part / "apt")
    apt.run("update", "-q")
    libraries = apt.libraries_of(packages)
    for package in apt.download(*packages, *libraries, *(["patchelf"] if libraries else [])):
        subprocess.run(["dpkg-deb", "-x", str(package), str(part)], check=True)
    if libraries:
        _set_library_path(part, folder, programs)
    shutil.rmtree(part / "apt")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    if lacking := _missing_libraries(folder, programs):
        raise NotUnpacked(f"it lacks libraries here: {', '.join(lacking)}")
    (folder / "complete").write_text("\n".join(packages))
    print(f"  fetched in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _set_library_path(part: Path, folder: Path, programs: Sequence[str]) -> None:
    """Write into the programs where their libraries are: some clear their environment before they run themselves."""
    places = {library.parent.relative_to(part) for library in part.rglob("*.so*")}
    path = ":".join(str(folder / place) for place in sorted(places))
    for program in _existing(part, programs):
        patchelf = [str(part / "usr/bin/patchelf"), "--force-rpath", "--set-rpath", path, str(program)]
        subprocess.run(patchelf, check=True)


def _missing_libraries(folder: Path, programs: Sequence[str]) -> list[str]:
    ldd = ["ldd", *map(str, _existing(folder, programs))]
    linked = subprocess.run(ldd, capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(\S+) => not found", linked)))


def _existing(folder: Path, programs: Sequence[str]) -> list[Path]:
    return [folder / name for name in programs if (folder / name).exists()]


class _Apt:
    """apt with folders of its own; what is installed and where packages come from is the machine's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("state/lists/partial", "cache/archives/partial", "packages"):
            (folder / name).mkdir(parents=True)
        settings = {
            "Dir::State": folder / "state",
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
        }
        if os.getuid() == 0:  # else apt changes to a user who cannot write here
            settings["APT::Sandbox::User"] = "root"
        self._options = [option for key, value in settings.items() for option in ("-o", f"{key}={value}")]

    def run(self, *arguments: str) -> str:
        """Return the output of apt-get. Raises NotUnpacked. A source that does not answer is passed over."""
        command = ["apt-get", *self._options, *arguments]
        try:
            done = subprocess.run(
                command, cwd=self._folder / "packages", capture_output=True, text=True, check=False,
                timeout=APT_SECONDS, env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise NotUnpacked(f"apt-get {arguments[0]} did not end in {APT_SECONDS} s") from None
        if done.returncode and arguments[0] != "update":  # what is missing then shows in the next command
            raise NotUnpacked(f"apt-get {arguments[0]} failed: {done.stderr.strip()[-500:]}")
        return done.stdout

    def libraries_of(self, packages: Sequence[str]) -> list[str]:
        """Return the libraries that would be installed with packages, since this machine has none or old ones."""
        plan = self.run("install", "--simulate", "--no-install-recommends", *packages)
        planned = re.findall(
            r"^Inst (lib(?!c6)\S+)", plan, re.MULTILINE
        )  # the C library goes with the machine's loader
        return [library for library in planned if library not in packages]

    def download(self, *packages: str) -> list[Path]:
        """Return the packages' files."""
        self.run("download", "-q", *packages)
        return sorted((self._folder / "packages").glob("*.deb"))
