"""Builds the Dockerfile with buildah, and writes the archive and what belongs to it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.version import VERSION
from hack.image import base
from hack.image.buildah import Buildah
from hack.image.programs import CannotBuild, ensure

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".work/image"
NAME = "tagline.local/tagline"
BILL = "usr/share/doc/tagline/sbom.cdx.json"
PIP_SETTINGS = ("extra-index-url", "index-url", "proxy", "timeout", "trusted-host")
"""What a build is told of this machine's pip, as a secret; `cert` besides, which is a file."""
CA_IN_BUILD = "/run/secrets/ca.pem"


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the two images."""

    lock: str
    suffix: str

    @property
    def reference(self) -> str:
        """Return the image's name."""
        return f"{NAME}:{VERSION}{self.suffix}"

    @property
    def archive(self) -> Path:
        """Return where its archive is, in the form of `docker save`."""
        return FOLDER / f"tagline{self.suffix}.tar"

    @property
    def bill(self) -> Path:
        """Return where its bill of materials is."""
        return FOLDER / f"tagline{self.suffix}.cdx.json"


CLOUD = Variant("run", "")
NO_CLOUD = Variant("run-nocloud", "-nocloud")


def build(variant: Variant, *, python_image: str = "", fresh: bool = False) -> None:
    """Build one variant and write its archive. Progress goes to stderr. Raises CannotBuild.

    python_image: a base in a registry, with its digest; "" makes it of Debian's packages. fresh: do so even if there
    is one that is not old.
    """
    started = time.monotonic()
    inputs = inputs_digest()
    programs = ensure()
    buildah = Buildah(programs.buildah, FOLDER / "buildah")
    try:
        made_of = python_image or _base(buildah, base.ensure(programs, fresh=fresh))
        _say(f"building {variant.reference} on {made_of} (storage {buildah.driver})")
        _bud(buildah, variant, made_of, pull=bool(python_image))
        variant.archive.unlink(missing_ok=True)
        buildah.run(
            "push", "--signature-policy", buildah.policy, "--quiet", variant.reference,
            f"docker-archive:{variant.archive}:{variant.reference}",
        )  # fmt: skip
    finally:
        shutil.rmtree(FOLDER / "buildah", ignore_errors=True)
    _write_bill(variant)
    variant.archive.with_suffix(".inputs").write_text(inputs)
    _say(f"built in {time.monotonic() - started:.0f} s: {variant.archive}, {size_of(variant) / 1e6:.0f} MB unpacked")


def _base(buildah: Buildah, archive: Path) -> str:
    for line in base.compare(base.contents(archive), base.recorded()):
        _say(f"Debian has another version than {base.LIST.name} says: {line}")
    return base.import_into(buildah, archive)


def _bud(buildah: Buildah, variant: Variant, made_of: str, *, pull: bool) -> None:
    epoch, revision = source_state()
    arguments = {
        "PYTHON_IMAGE": made_of,
        "LOCK": variant.lock,
        "SOURCE_DATE_EPOCH": epoch,
        "VERSION": VERSION,
        "REVISION": revision,
        "CREATED": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    buildah.run(
        "bud", "--isolation", "chroot", "--network", "host", "--signature-policy", buildah.policy,
        "--pull" if pull else "--pull-never", "--timestamp", epoch, "--format", "oci",
        *(item for name, value in arguments.items() for item in ("--build-arg", f"{name}={value}")),
        *_secrets(FOLDER / "buildah"),
        "--tag", variant.reference, "--file", "Dockerfile", ".",
        cwd=ROOT,
    )  # fmt: skip


def source_state() -> tuple[int, str]:
    """Return when the checked-out commit was made, seconds, and its hash; `-dirty` behind it where files differ."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    revision = git("rev-parse", "HEAD")
    if not revision:  # an archive of the sources
        return int(os.environ.get("SOURCE_DATE_EPOCH", "0")), "unknown"
    dirty = "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct")), revision + dirty


def _secrets(folder: Path) -> list[str]:
    """Return the options that tell the build how this machine's pip reaches its index."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    settings = pip_settings(listed)
    authority = settings.pop("cert", "")
    options = []
    if authority and Path(authority).exists():
        options += ["--secret", f"id=ca.pem,src={authority}"]
        settings["cert"] = CA_IN_BUILD
    if settings:
        written = folder / "pip.conf"
        written.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        written.chmod(0o600)
        options += ["--secret", f"id=pip.conf,src={written}"]
    return options


def pip_settings(listed: str) -> dict[str, str]:
    """Return what a build needs of `pip config list`; the environment's settings are listed last, and count."""
    found = re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    return {name: value for name, value in found if name in {*PIP_SETTINGS, "cert"}}


def _write_bill(variant: Variant) -> None:
    with tarfile.open(variant.archive) as archive:
        for layer in _manifest(archive)["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(layer)) as files:
                if BILL in files.getnames():
                    content = files.extractfile(BILL)
                    assert content
                    variant.bill.write_bytes(content.read())
                    return
    raise CannotBuild(f"{variant.archive} has no bill of materials")


def _manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    listed = archive.extractfile("manifest.json")
    assert listed
    manifest: dict[str, Any] = json.load(listed)[0]
    return manifest


def configuration(variant: Variant) -> dict[str, Any]:
    """Return the configuration of a built image."""
    with tarfile.open(variant.archive) as archive:
        content = archive.extractfile(_manifest(archive)["Config"])
        assert content
        read: dict[str, Any] = json.load(content)
        return read


def is_current(variant: Variant) -> bool:
    """Return True when there is an archive of just these sources, on whatever base."""
    stamp = variant.archive.with_suffix(".inputs")
    return variant.archive.exists() and stamp.exists() and stamp.read_text() == inputs_digest()


def inputs_digest() -> str:
    """Return a digest of the Dockerfile and of all that is sent to its builder."""
    sent = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    digest = hashlib.sha256()
    for name in ("Dockerfile", ".dockerignore", *sent):
        for path in sorted([ROOT / name, *(ROOT / name).rglob("*")]):
            if path.is_file() and path.suffix != ".pyc" and not path.name.endswith("_test.py"):
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def size_of(variant: Variant) -> int:
    """Return the bytes of all files in a built image."""
    with tarfile.open(variant.archive) as archive:
        return sum(
            member.size
            for layer in _manifest(archive)["Layers"]
            for member in tarfile.open(fileobj=archive.extractfile(layer))
        )


def unpack(variant: Variant, folder: Path) -> None:
    """Unpack the files of a built image into a folder, which must be there."""
    with tarfile.open(variant.archive) as archive:
        for layer in _manifest(archive)["Layers"]:
            archive.extract(layer, folder.parent)
            subprocess.run(["tar", "-xf", folder.parent / layer, "-C", folder, "--numeric-owner"], check=True)
            (folder.parent / layer).unlink()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
