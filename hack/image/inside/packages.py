"""The packages of the environment, without what never runs in the image.

What goes: tests, sources of compiled modules, headers, command lines of others, debugging symbols, and the parts in
`UNUSED`. A package's RECORD is kept true, so that whoever compares it with the files finds no difference.
"""

import base64
import csv
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

ELF = b"\x7fELF"
TEST_FOLDERS = frozenset({"test", "tests"})
SOURCES = (".pyx", ".pxd", ".pxi", ".pyi", ".c", ".cc", ".cpp", ".h")
"""Suffixes of what compiled modules were made from, and of what only type checkers read."""
SCRIPTS = ("tagline", "kubectl-tagline", "flux-tagline", "python", "python3", "python3.11")
"""Of the environment's `bin`, what is kept."""
AWS_SERVICES = ("ecr", "ecr-public", "signin", "sso", "sso-oidc", "sts")
"""Whose descriptions botocore reads here: registries, and where its chain of credentials asks."""
CEL_EXTENSIONS = ("ext_optional", "ext_strings")
"""What rules of schemas and webhooks may call."""
UNUSED = ("zstandard/_cffi.*", "zstandard/backend_cffi.py", "cffi/recompiler.py", "pip", "setuptools", "pkg_resources")
"""Globs below site-packages of what nothing imports on this interpreter."""


def trim(environment: Path) -> None:
    """Remove from a virtual environment what never runs in the image, and strip what is compiled."""
    for script in (environment / "bin").iterdir():
        if script.name not in SCRIPTS:
            remove(script)
    site = site_packages(environment)
    for path in list(_superfluous(site)):
        remove(path)
    strip(site)
    for record in site.glob("*.dist-info/RECORD"):
        correct_record(record)


def remove(path: Path) -> None:
    """Remove a file or folder, which may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def site_packages(environment: Path) -> Path:
    """Return the folder of a virtual environment's packages."""
    return next(environment.glob("lib/python3.*/site-packages"))


def _superfluous(site: Path) -> Iterator[Path]:
    for glob in UNUSED:
        yield from site.glob(glob)
    for path in site.glob("botocore/data/*/"):
        if path.is_dir() and path.name not in AWS_SERVICES:
            yield path
    for path in site.glob("cel_expr_python/ext/ext_*"):
        if path.name.partition(".")[0] not in CEL_EXTENSIONS:
            yield path
    for path in site.rglob("*"):
        if path.suffix in SOURCES or (path.name in {*TEST_FOLDERS, "__pycache__"} and path.is_dir()):
            yield path


def strip(root: Path) -> None:
    """Remove symbols that only debuggers read from everything compiled below a folder."""
    compiled = [str(path) for path in binaries(root)]
    if compiled:
        subprocess.run(["strip", "--strip-unneeded", "--enable-deterministic-archives", *compiled], check=True)


def binaries(root: Path) -> Iterable[Path]:
    """Yield the compiled files below a folder, links left out."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(ELF)) == ELF:
                    yield path


def correct_record(record: Path) -> None:
    """Write into a RECORD what is there by now: no removed file, and hash and size of changed ones.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file
    """
    site = record.parent.parent
    with record.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row and os.path.lexists(site / row[0])]
    with record.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(_true_row(site, name, digest) for name, digest, *_ in sorted(rows))


def _true_row(site: Path, name: str, digest: str) -> tuple[str, str, str]:
    if not digest:  # of RECORD itself, and of what is written after installing
        return name, "", ""
    content = (site / name).read_bytes()
    encoded = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return name, f"sha256={encoded}", str(len(content))
