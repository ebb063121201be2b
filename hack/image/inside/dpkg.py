"""What dpkg knows about the base: which package a file is from, and what a package is."""

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

DATABASE = Path("/var/lib/dpkg")
FIELDS = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Maintainer", "Homepage")
ALWAYS = ("base-files", "ca-certificates", "tzdata")
"""Packages whose files are made at installation, or copied as folders."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package of Debian."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    maintainer: str
    homepage: str


def installed() -> Mapping[str, Package]:
    """Return the installed packages by name. Empty where there is no dpkg."""
    try:
        form = "\t".join(f"${{{field}}}" for field in FIELDS) + "\n"
        listed = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return {}
    packages = (Package(*line.split("\t")) for line in listed.splitlines())
    return {package.name: package for package in packages}


def owners(files: Iterable[str], packages: Mapping[str, Package], *, database: Path = DATABASE) -> list[Package]:
    """Return the packages that files of the base are from, by name.

    files: absolute, links resolved. Packages of before /usr was merged list `/lib/…` for what is in `/usr/lib/…`.
    """
    wanted = {form for file in files for form in (file, file.removeprefix("/usr"))}
    found = {
        listing.stem.partition(":")[0]
        for listing in (database / "info").glob("*.list")
        if not wanted.isdisjoint(listing.read_text().splitlines())
    }
    return [packages[name] for name in sorted({*found, *ALWAYS}) if name in packages]


def stanza(name: str) -> str:
    """Return what dpkg's status file says of a package, as scanners read it in `/var/lib/dpkg/status.d`."""
    return subprocess.run(["dpkg-query", "-s", name], capture_output=True, text=True, check=True).stdout
