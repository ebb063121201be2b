"""`python -m hack.crds`: writes the CRDs and, with --install, manifests/install.yaml; or checks them.

They are in manifests/crds, and those of components in their folders.
install.yaml is `kubectl kustomize manifests`; KUBECTL names the kubectl to use (default: the one on PATH,
else the one that was built for the tests).
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
from pathlib import Path

from hack.crds import definition
from hack.env.tools import find_program

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"

INSTALL_HEADER = """\
# Generated from manifests/kustomization.yaml by `python -m hack.crds --install`; do not edit.
"""


def main(arguments: list[str] | None = None) -> int:
    """Write or check, and return the exit status: 1 when --check finds a difference, else 0."""
    parser = argparse.ArgumentParser(prog="python -m hack.crds", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and exit 1 when stale")
    parser.add_argument("--install", action="store_true", help="also manifests/install.yaml (needs kubectl)")
    options = parser.parse_args(arguments)
    wanted = crd_files(MANIFESTS / "crds") | component_crd_files(MANIFESTS / "components")
    if not options.check:
        write(wanted)
    changes = differences(wanted)
    if options.install:
        install: dict[Path, str | None] = {MANIFESTS / "install.yaml": render_install(MANIFESTS)}
        if not options.check:
            write(install)
        changes += differences(install)
    sys.stdout.write(changes)
    return 1 if changes else 0


def crd_files(folder: Path) -> dict[Path, str | None]:
    """Return the path and wanted content of every file of `folder`; None for those that do not belong there."""
    strangers: dict[Path, str | None] = dict.fromkeys(folder.glob("*"))
    return strangers | {folder / name: text for name, text in definition.render_crds().items()}


def component_crd_files(folder: Path) -> dict[Path, str | None]:
    """Return the path and wanted content of the CRDs of components; folder: manifests/components."""
    return {folder / name: text for name, text in definition.render_component_crds().items()}


def render_install(manifests: Path) -> str:
    """Return all manifests as one file. Raises CalledProcessError with kubectl's message on stderr."""
    kubectl = find_program("kubectl") or "kubectl"
    rendered = subprocess.run([kubectl, "kustomize", str(manifests)], check=True, stdout=subprocess.PIPE, text=True)
    return INSTALL_HEADER + rendered.stdout


def differences(wanted: dict[Path, str | None]) -> str:
    """Return a unified diff from what is on disk to what is `wanted`; empty when they are equal."""
    lines: list[str] = []
    for path, text in sorted(wanted.items()):
        present = path.read_text() if path.exists() else ""
        name = path.relative_to(path.parents[1]).as_posix()
        lines += difflib.unified_diff(
            present.splitlines(keepends=True), (text or "").splitlines(keepends=True), name, f"{name} (generated)"
        )
    return "".join(lines)


def write(wanted: dict[Path, str | None]) -> None:
    """Make the disk equal to `wanted`; unchanged files are not touched."""
    for path, text in wanted.items():
        if text is None:
            path.unlink()
        elif not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
