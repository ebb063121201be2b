"""OpenSSH's server for the tests: the installed one, else Debian's, unpacked into the tool cache.

The machine is not changed: nothing is installed and no service is started. apt works with lists and a cache of its own
in our folder, so it needs no root; it checks the signatures of what it fetches. Where there is no apt, `sshd` must be
installed by whoever wants the tests.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hack.env.tools import cache_root, file_lock

PACKAGES = ("openssh-server", "openssh-client")
APT_SECONDS = 300
SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
HELPERS = ("sshd-session", "sshd-auth")
PROGRAMS = ("usr/sbin/sshd", "usr/bin/ssh-keygen", *(f"usr/lib/openssh/{helper}" for helper in HELPERS))


class OpenSshNotFound(RuntimeError):
    """There is no sshd, and none can be had; the message says what to install."""


@dataclass(frozen=True, slots=True)
class OpenSsh:
    """Programs of one OpenSSH. helpers: what newer servers start by an absolute path, where it is not the usual one."""

    sshd: Path
    ssh_keygen: Path
    helpers: tuple[tuple[str, Path], ...] = ()


def can_fetch() -> bool:
    """Return True on Debian and its relatives."""
    return all(shutil.which(program) for program in ("apt-get", "dpkg-deb", "ldd"))


def ensure() -> OpenSsh:
    """Return the installed OpenSSH, else Debian's, fetched once. Progress goes to stderr. Raises OpenSshNotFound."""
    sshd = shutil.which("sshd") or shutil.which("sshd", path=SBIN)
    keygen = shutil.which("ssh-keygen")
    if sshd and keygen:
        return OpenSsh(Path(sshd), Path(keygen))
    if not can_fetch():
        raise OpenSshNotFound(
            "OpenSSH's sshd is not installed, and it can be fetched with apt only; install openssh-server"
        )
    release = platform.freedesktop_os_release()
    name = f"openssh-{release['ID']}-{release.get('VERSION_ID', 'rolling')}-{platform.machine()}"
    folder = cache_root() / name
    if not (folder / "complete").exists():
        cache_root().mkdir(parents=True, exist_ok=True)
        with file_lock(cache_root() / f"{name}.lock"):
            if not (folder / "complete").exists():
                try:
                    _fetch(folder)
                except subprocess.CalledProcessError as error:
                    raise OpenSshNotFound(f"OpenSSH cannot be unpacked: {error}; install openssh-server") from None
    libexec = folder / "usr/lib/openssh"
    helpers = tuple((helper, libexec / helper) for helper in HELPERS if (libexec / helper).exists())
    return OpenSsh(folder / "usr/sbin/sshd", folder / "usr/bin/ssh-keygen", helpers)


def _fetch(folder: Path) -> None:
    started = time.monotonic()
    print("fetching OpenSSH's server from Debian (a few seconds; nothing is installed)", file=sys.stderr, flush=True)
    part = folder.parent / f"{folder.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    apt = _Apt(part / "apt")
    apt.run("update", "-q")
    libraries = apt.libraries_of(PACKAGES[0])
    for package in apt.download(*PACKAGES, *libraries, *(["patchelf"] if libraries else [])):
        subprocess.run(["dpkg-deb", "-x", str(package), str(part)], check=True)
    if libraries:
        _set_library_path(part, folder)
    shutil.rmtree(part / "apt")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    if lacking := _missing_libraries(folder):
        raise OpenSshNotFound(f"OpenSSH of Debian lacks libraries here: {', '.join(lacking)}; install openssh-server")
    (folder / "complete").touch()
    print(f"  fetched in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _set_library_path(part: Path, folder: Path) -> None:
    """Write into the programs where their libraries are: sshd clears its environment before it re-executes itself."""
    places = {library.parent.relative_to(part) for library in part.rglob("*.so*")}
    path = ":".join(str(folder / place) for place in sorted(places))
    for program in _programs(part):
        patchelf = [str(part / "usr/bin/patchelf"), "--force-rpath", "--set-rpath", path, str(program)]
        subprocess.run(patchelf, check=True)


def _missing_libraries(folder: Path) -> list[str]:
    ldd = ["ldd", *map(str, _programs(folder))]
    linked = subprocess.run(ldd, capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(\S+) => not found", linked)))


def _programs(folder: Path) -> list[Path]:
    return [folder / name for name in PROGRAMS if (folder / name).exists()]


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
        """Return the output of apt-get. Raises OpenSshNotFound. A source that does not answer is passed over."""
        command = ["apt-get", *self._options, *arguments]
        try:
            done = subprocess.run(
                command, cwd=self._folder / "packages", capture_output=True, text=True, check=False,
                timeout=APT_SECONDS, env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise OpenSshNotFound(
                f"apt-get {arguments[0]} did not end in {APT_SECONDS} s; install openssh-server"
            ) from None
        if done.returncode and arguments[0] != "update":  # what is missing then shows in the next command
            raise OpenSshNotFound(
                f"apt-get {arguments[0]} failed: {done.stderr.strip()[-500:]}; install openssh-server"
            )
        return done.stdout

    def libraries_of(self, package: str) -> list[str]:
        """Return the libraries that would be installed with a package, since this machine has none or old ones."""
        plan = self.run("install", "--simulate", "--no-install-recommends", package)
        return re.findall(r"^Inst (lib(?!c6)\S+)", plan, re.MULTILINE)  # the C library goes with the machine's loader

    def download(self, *packages: str) -> list[Path]:
        """Return the packages' files."""
        self.run("download", "-q", *packages)
        return sorted((self._folder / "packages").glob("*.deb"))
