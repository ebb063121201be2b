"""The base where no registry of images can be reached: the same Debian, made from its packages by mmdebstrap.

The archive is the same for the same packages. `base-packages.txt` has those that it was last made of: another package
is an error, another version of one is not, since Debian replaces what has a hole.
"""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from hack.env.tools import cache_root, file_lock
from hack.image.buildah import Buildah
from hack.image.programs import CannotBuild, Programs

SUITE = "bookworm"
EPOCH = 1_686_355_200
"""The release of that suite: no time in the archive is later."""
PACKAGES = ("binutils", "ca-certificates", "git", "python3", "python3-pip")
UNNEEDED = ("doc", "info", "lintian", "locale", "man")
"""Folders of /usr/share that are not unpacked; the packages' terms are."""
NAME = "tagline.local/debian-python"
LIST = Path(__file__).parent / "base-packages.txt"
KEPT_SECONDS = 7 * 24 * 3600
"""After that, the archive is made anew, for what Debian has mended."""
HEADER = (
    "# What the base was last made of, without a registry of images: `python -m hack.image base --write` writes it.\n"
)


def ensure(programs: Programs, *, fresh: bool = False) -> Path:
    """Return the archive of the base, from the tool cache if it is not older than a week. Raises CannotBuild."""
    digest = hashlib.sha256(repr((SUITE, PACKAGES, UNNEEDED, EPOCH)).encode()).hexdigest()[:12]
    archive = cache_root() / f"image-base-{digest}.tar"
    cache_root().mkdir(parents=True, exist_ok=True)
    with file_lock(archive.with_suffix(".lock")):
        if fresh or not archive.exists() or time.time() - archive.stat().st_mtime > KEPT_SECONDS:
            _make(programs, archive)
    return archive


def _make(programs: Programs, archive: Path) -> None:
    started = time.monotonic()
    print(f"making the base of Debian's packages ({SUITE}; about 40 seconds)", file=sys.stderr, flush=True)
    part = archive.with_suffix(".part.tar")
    options = [
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNNEEDED),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        "--dpkgopt=force-unsafe-io",  # what a lost power would cost is made again
        "--aptopt=Acquire::Retries 3",
    ]
    # Without a mirror mmdebstrap takes Debian's own, for a stable release with those for updates and security.
    command = [
        str(programs.mmdebstrap), "--variant=minbase", "--mode=root", f"--include={','.join(PACKAGES)}", *options,
        SUITE, str(part),
    ]  # fmt: skip
    path = f"{programs.mmdebstrap.parent}:{os.environ['PATH']}"  # it runs a program beside it by name
    done = subprocess.run(
        command, env={**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        part.unlink(missing_ok=True)
        raise CannotBuild(f"mmdebstrap failed with status {done.returncode}:\n{done.stdout[-4000:]}")
    part.rename(archive)
    print(f"  made in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def contents(archive: Path) -> Mapping[str, str]:
    """Return the versions of the packages in an archive of the base."""
    with tarfile.open(archive) as tar:
        status = tar.extractfile("./var/lib/dpkg/status")
        assert status
        text = status.read().decode()
    return dict(re.findall(r"^Package: (\S+)\n(?:.+\n)*?Version: (\S+)$", text, re.MULTILINE))


def recorded() -> Mapping[str, str]:
    """Return the versions in `base-packages.txt`."""
    return dict(re.findall(r"^([^#\s]\S*) (\S+)$", LIST.read_text(), re.MULTILINE))


def compare(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return a line for each package of another version. Raises CannotBuild for one that is missing or new."""
    if found.keys() != expected.keys():
        new, gone = sorted(found.keys() - expected.keys()), sorted(expected.keys() - found.keys())
        raise CannotBuild(
            f"the base has other packages than {LIST.name} says: new {', '.join(new) or 'none'}; missing "
            f"{', '.join(gone) or 'none'}. If that is meant, write the list: python -m hack.image base --write"
        )
    return [
        f"{name} {expected[name]} → {version}" for name, version in sorted(found.items()) if version != expected[name]
    ]


def write_list(found: Mapping[str, str]) -> None:
    """Record the packages."""
    LIST.write_text(HEADER + "".join(f"{name} {version}\n" for name, version in sorted(found.items())))


def import_into(buildah: Buildah, archive: Path) -> str:
    """Return the name, with digest, under which buildah has the base."""
    container = buildah.run("from", "scratch")
    try:
        buildah.run("add", container, archive, "/")
        buildah.run("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
        buildah.run(
            "commit", "--signature-policy", buildah.policy, "--timestamp", EPOCH, "--quiet", container,
            f"{NAME}:{SUITE}",
        )  # fmt: skip
    finally:
        buildah.run("rm", container)
    digest = buildah.run("images", "--format", "{{.Digest}}", f"{NAME}:{SUITE}")
    return f"{NAME}@{digest}"
