"""buildah, mmdebstrap and runc: those of the machine, else Debian's, unpacked into the tool cache."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from hack.env import debian

SBIN = "/usr/sbin:/sbin"
PACKAGES = {"buildah": "usr/bin/buildah", "mmdebstrap": "usr/bin/mmdebstrap", "runc": "usr/sbin/runc"}
"""Program, which is also the package's name, and where the package has it."""
BINARIES = (PACKAGES["buildah"], PACKAGES["runc"])


class CannotBuild(RuntimeError):
    """The image cannot be built or run here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of what builds and runs the image."""

    buildah: Path
    mmdebstrap: Path
    runc: Path


def ensure() -> Programs:
    """Return the programs, fetched once where the machine lacks one. Raises CannotBuild."""
    if os.getuid() != 0:
        raise CannotBuild("the image is built without Docker by root only: run make image as root, or use Docker")
    paths = {name: shutil.which(name) or shutil.which(name, path=SBIN) for name in PACKAGES}
    if lacking := [name for name, path in paths.items() if not path]:
        try:
            folder = debian.unpacked("image", [*PACKAGES], BINARIES)
        except debian.NotUnpacked as error:
            raise CannotBuild(f"not installed: {', '.join(lacking)}; {error}. Install them, or use Docker") from None
        paths |= {name: str(folder / PACKAGES[name]) for name in lacking}
    if not shutil.which("perl"):  # mmdebstrap is written in it
        raise CannotBuild("mmdebstrap needs perl; install it, or use Docker")
    return Programs(**{name: Path(str(path)) for name, path in paths.items()})
