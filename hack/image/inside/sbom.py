"""The bill of materials of the image, in CycloneDX: https://cyclonedx.org/docs/1.6/json/.

Its parts are the packages that pip installed, by the hash of the very file, which the lock named, and the packages of
Debian that files of the base are from.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hack.image.inside.dpkg import Package

NAMESPACE = uuid.UUID("8f8f2ad6-3c15-5f3a-9d5e-6d1d0f6a3b0c")
"""Of serial numbers: the same parts have the same one."""

LONGEST_NAME = 80
"""Characters of the name of terms; what is longer is the whole text."""

Component = dict[str, Any]


def bill_of_materials(
    version: str, *, libraries: Sequence[Component], base: Sequence[Component], interpreter: str, epoch: int
) -> dict[str, Any]:
    """Return the bill as JSON has it.

    interpreter: version of a Python that is from no package, else "". epoch: when the source was committed, seconds.
    """
    parts = sorted([*libraries, *base, *_interpreter(interpreter)], key=lambda part: part["bom-ref"])
    ours = {
        "type": "container",
        "bom-ref": f"pkg:oci/tagline@{version}",
        "name": "tagline",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": f"pkg:oci/tagline@{version}",
    }
    identity = "\n".join([version, *(f"{part['bom-ref']} {part.get('hashes')}" for part in parts)])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, identity)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "component": ours,
        },
        "components": parts,
        "dependencies": [{"ref": ours["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def _interpreter(version: str) -> list[Component]:
    if not version:
        return []
    purl = f"pkg:generic/python@{version}"
    return [
        {
            "type": "application",
            "bom-ref": purl,
            "name": "python",
            "version": version,
            "licenses": [{"license": {"id": "PSF-2.0"}}],
            "purl": purl,
        }
    ]


def from_report(report: Mapping[str, Any]) -> list[Component]:
    """Return the packages of pip's installation report: https://pip.pypa.io/en/stable/reference/installation-report/.

    Where a file was fetched from is left out: it may be a mirror of whoever built the image.
    """
    return [_library(installed) for installed in report["install"]]


def _library(installed: Mapping[str, Any]) -> Component:
    metadata, archive = installed["metadata"], installed["download_info"]["archive_info"]
    name = re.sub(r"[-_.]+", "-", metadata["name"]).lower()
    purl = f"pkg:pypi/{name}@{metadata['version']}"
    digest = archive.get("hashes", {}).get("sha256") or archive["hash"].removeprefix("sha256=")
    component: Component = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": metadata["version"],
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    if terms := _terms(metadata):
        component["licenses"] = terms
    return component


def _terms(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the terms: an SPDX expression where the package has one, else the name that it gives, if it is short."""
    if expression := metadata.get("license_expression"):
        return [{"expression": expression}]
    names = [text.rpartition(" :: ")[2] for text in metadata.get("classifier", []) if text.startswith("License :: OSI")]
    given = metadata.get("license", "").strip()
    if given and "\n" not in given and len(given) <= LONGEST_NAME:
        names = [given]
    return [{"license": {"name": name}} for name in names if name]


def distribution(os_release: str) -> str:
    """Return what a package URL calls the release: `debian-12`."""
    fields = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    return f"{fields.get('ID', 'debian')}-{fields.get('VERSION_ID', 'unstable')}"


def from_packages(packages: Iterable[Package], release: str) -> list[Component]:
    """Return packages of Debian: https://github.com/package-url/purl-spec, type deb."""
    return [_package(package, release) for package in packages]


def _package(package: Package, release: str) -> Component:
    purl = (
        f"pkg:deb/debian/{quote(package.name)}@{quote(package.version, safe='.~')}"
        f"?arch={package.architecture}&distro={release}"
    )
    source = f"{package.source}@{package.source_version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "supplier": {"name": package.maintainer},
        "properties": [{"name": "debian:source", "value": source}],
    }
