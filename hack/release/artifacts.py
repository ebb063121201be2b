"""Builds the files of a release: wheel, install.yaml, chart, notes, and the checksums of them all."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hack.env import tools
from hack.release.versions import ROOT, notes

CHECKSUMS: Final = "checksums.txt"
NOTES: Final = "notes.md"
INSTALL: Final = "install.yaml"
_BUILD: Final = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


def build_all(folder: Path, root: Path = ROOT) -> list[Path]:
    """Build every file of a release into a new folder, and return them. Raises CalledProcessError, BuildFailed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wheel = build_wheel(folder, root)
    install = folder / INSTALL
    shutil.copy(root / "manifests" / INSTALL, install)
    chart = package_chart(folder, root)
    (folder / NOTES).write_text(notes(root))
    files = [wheel, install, chart]
    (folder / CHECKSUMS).write_text(checksums(files))
    return [*files, folder / NOTES, folder / CHECKSUMS]


def build_wheel(folder: Path, root: Path = ROOT) -> Path:
    """Build the wheel from what the image is built from, and nothing else; the same sources give the same bytes."""
    sent = re.findall(r"^!(.*)$", (root / ".dockerignore").read_text(), flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        for name in sent:
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (root / name).is_dir():
                shutil.copytree(root / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(root / name, target)
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(folder)],
            cwd=source, check=True, capture_output=True, text=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": commit_time(root)},
        )  # fmt: skip
    return folder / done.stdout.splitlines()[-1]


def commit_time(root: Path) -> str:
    """Return when the commit that is checked out was made, in seconds since 1970."""
    git = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    return subprocess.run(git, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def package_chart(folder: Path, root: Path = ROOT) -> Path:
    """Package the chart as `helm install` takes it."""
    helm = tools.ensure("helm")["helm"]
    command = [str(helm), "package", str(root / "manifests" / "chart"), "--destination", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    (chart,) = folder.glob("tagline-*.tgz")
    return chart


def checksums(files: Iterable[Path]) -> str:
    """Return the SHA-256 of each file, as `sha256sum -c` reads them."""
    return "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in sorted(files))
