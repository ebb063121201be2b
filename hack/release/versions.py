"""Where the version of this release is written, and whether all places agree.

The source is `api/version.py`. The package's metadata read it; the chart and the packaged manifests are generated. What
is written by hand is the image's tag in the manifests, and the changelog.
"""

import re
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]  # comes without type hints

from api.version import VERSION

ROOT: Final = Path(__file__).resolve().parents[2]
UNRELEASED: Final = "Unreleased"
_SECTION: Final = re.compile(r"^## \[([^\]]+)\](?: - (\S+))?$", re.MULTILINE)
_IMAGE: Final = re.compile(r"image: (\S+/tagline:\S+)")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def problems(root: Path = ROOT, *, tag: str = "") -> list[str]:
    """Return what does not agree, a sentence each.

    tag: of the commit that is to be released, with its v; the changelog then has to have a section for it, with a date.
    """
    found = []
    if tag and tag != f"v{VERSION}":
        found.append(f"the tag {tag} is not v{VERSION}, the version in api/version.py")
    chart = yaml.safe_load((root / "manifests" / "chart" / "Chart.yaml").read_text())
    found += [
        f"{key} in manifests/chart/Chart.yaml is {chart[key]}, not {VERSION}: run `make generate`"
        for key in ("version", "appVersion")
        if chart[key] != VERSION
    ]
    found += _image_problems(root / "manifests")
    dockerfile = (root / "Dockerfile").read_text()
    found += [
        f"the Dockerfile's VERSION is {version}, not {VERSION}"
        for version in re.findall(r"^ARG VERSION=(\S+)$", dockerfile, re.MULTILINE)
        if version != VERSION
    ]
    return [*found, *_changelog_problems((root / "CHANGELOG.md").read_text(), is_release=bool(tag))]


def _image_problems(manifests: Path) -> list[str]:
    """Return which files name another image than that of this release; the chart's templates name none."""
    named = {
        (path.relative_to(manifests).as_posix(), image)
        for path in manifests.rglob("*.yaml")
        for image in _IMAGE.findall(path.read_text())
    }
    if not named:
        return ["no file of manifests/ names the image: hack/release/versions.py does not find it any more"]
    wrong = sorted((name, image) for name, image in named if not image.endswith(f":v{VERSION}"))
    return [f"manifests/{name} has the image {image}, not v{VERSION}" for name, image in wrong]


def _changelog_problems(text: str, *, is_release: bool) -> list[str]:
    dates = dict(_SECTION.findall(text))
    if VERSION in dates:
        return [] if _DATE.fullmatch(dates[VERSION]) else [f"CHANGELOG.md has no date behind [{VERSION}]"]
    if is_release:
        return [f"CHANGELOG.md has no section [{VERSION}]"]
    if f"To become {VERSION}" not in section(text, UNRELEASED):
        return [f"CHANGELOG.md has neither a section [{VERSION}] nor an [{UNRELEASED}] one that is to become it"]
    return []


def section(changelog: str, version: str) -> str:
    """Return what a changelog says about a version, without its heading. Raises KeyError where it says nothing."""
    headings = list(_SECTION.finditer(changelog))
    for at, heading in enumerate(headings):
        if heading[1] == version:
            end = headings[at + 1].start() if at + 1 < len(headings) else len(changelog)
            return changelog[heading.end() : end].strip() + "\n"
    raise KeyError(version)


def notes(root: Path = ROOT) -> str:
    """Return the notes of this release: its section of the changelog, or what is to become it."""
    text = (root / "CHANGELOG.md").read_text()
    try:
        return section(text, VERSION)
    except KeyError:
        return section(text, UNRELEASED)
