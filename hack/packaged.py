"""`python -m hack.packaged`: writes the manifests that `tagline install` applies, as package data, or checks them.

The command line has neither kustomize nor this repository at hand. It is given what `kubectl kustomize manifests`
prints, and the patches and resources of each folder of manifests/components. KUBECTL names the kubectl to use
(default: the one on PATH, else the one that was built for the tests).
"""

from __future__ import annotations

import argparse
import difflib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from cli.installing.build import Manifests
from hack.env.tools import find_program

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = ROOT / "manifests"
PACKAGED = ROOT / "cli" / "installing" / "manifests.json"
NOT_PACKAGED = frozenset({"shards"})
"""Components for kustomizations only: what they add is another one a shard."""


class NotUnderstood(Exception):
    """A component uses something of kustomize that `cli.installing.patches` does not know."""


def main(arguments: list[str] | None = None) -> int:
    """Write or check, and return the exit status: 1 when --check finds a difference, else 0."""
    parser = argparse.ArgumentParser(prog="python -m hack.packaged", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and exit 1 when stale")
    options = parser.parse_args(arguments)
    wanted = render(MANIFESTS)
    present = PACKAGED.read_text() if PACKAGED.exists() else ""
    if present == wanted:
        return 0
    if not options.check:
        PACKAGED.write_text(wanted)
        return 0
    names = (PACKAGED.name, f"{PACKAGED.name} (generated)")
    sys.stdout.writelines(difflib.unified_diff(present.splitlines(True), wanted.splitlines(True), *names, n=0))
    return 1


def read_manifests(folder: Path) -> Manifests:
    """Return the objects that the manifests make, and their components. Raises CalledProcessError, NotUnderstood."""
    folders = sorted(
        path for path in (folder / "components").iterdir() if path.is_dir() and path.name not in NOT_PACKAGED
    )
    return Manifests(kustomize(folder), {one.name: read_component(one) for one in folders})


def render(folder: Path) -> str:
    """Return the text of the data: an object or a component a line, so that changes can be read."""
    manifests = read_manifests(folder)
    lines = ",\n".join(_compact(one) for one in manifests.objects)
    named = ",\n".join(f"{_compact(name)}:{_compact(component)}" for name, component in manifests.components.items())
    return f'{{"objects":[\n{lines}\n],\n"components":{{\n{named}\n}}}}\n'


def kustomize(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that a kustomization makes. Raises CalledProcessError, kubectl's message on stderr."""
    kubectl = find_program("kubectl") or "kubectl"
    done = subprocess.run([kubectl, "kustomize", str(folder)], check=True, stdout=subprocess.PIPE, text=True)
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def read_component(folder: Path) -> dict[str, Any]:
    """Return resources and patches of a component. Raises NotUnderstood."""
    described = _load(folder / "kustomization.yaml")[0]
    strange = described.keys() - {"apiVersion", "kind", "resources", "patches"}
    if strange:
        raise NotUnderstood(f"{folder.name}: {', '.join(sorted(strange))}")
    resources = [obj for name in described.get("resources", ()) for obj in _load(folder / name)]
    return {"resources": resources, "patches": [_read_patch(one) for one in described.get("patches", ())]}


def _read_patch(described: dict[str, Any]) -> dict[str, Any]:
    patch = yaml.safe_load(described["patch"])
    target = described.get("target")
    if isinstance(patch, list):
        return {"target": target, "operations": patch}
    if patch.get("$patch") != "delete":
        raise NotUnderstood(f"a patch that merges: {patch}")
    if target is None:
        target = {"kind": patch["kind"], "name": patch["metadata"]["name"]}
    return {"target": target, "delete": True}


def _load(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
