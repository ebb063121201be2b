"""OpenSSH's server for the tests: the installed one, else Debian's, unpacked into the tool cache.

Where there is no apt, `sshd` must be installed by whoever wants the tests.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from hack.env import debian

PACKAGES = ("openssh-server", "openssh-client")
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
    return debian.can_fetch()


def ensure() -> OpenSsh:
    """Return the installed OpenSSH, else Debian's, fetched once. Progress goes to stderr. Raises OpenSshNotFound."""
    sshd = shutil.which("sshd") or shutil.which("sshd", path=SBIN)
    keygen = shutil.which("ssh-keygen")
    if sshd and keygen:
        return OpenSsh(Path(sshd), Path(keygen))
    try:
        folder = debian.unpacked("openssh", PACKAGES, PROGRAMS)
    except debian.NotUnpacked as error:
        raise OpenSshNotFound(f"OpenSSH's sshd is not installed, and {error}; install openssh-server") from None
    libexec = folder / "usr/lib/openssh"
    helpers = tuple((helper, libexec / helper) for helper in HELPERS if (libexec / helper).exists())
    return OpenSsh(folder / "usr/sbin/sshd", folder / "usr/bin/ssh-keygen", helpers)
