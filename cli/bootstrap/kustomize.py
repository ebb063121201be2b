"""What kustomize makes of a folder that its owner has put patches into; built by kubectl or kustomize, if one is there.

Flux's controllers may need the patches to start at all: another registry, tolerations, proxies.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from cli.grammar.session import Failed
from cli.yaml_documents import NotYaml, load_documents

_PROGRAMS: Final = (("kubectl", "kustomize"), ("kustomize", "build"))
_SECONDS: Final = 60.0
_PLAIN: Final = frozenset(("apiVersion", "kind", "metadata", "resources"))


def changes_resources(kustomization: bytes) -> bool:
    """Return whether a kustomization does more than name resources."""
    try:
        found = [value for _, value in load_documents(kustomization)]
    except NotYaml:
        return False
    return any(isinstance(one, dict) and not one.keys() <= _PLAIN for one in found)


def program() -> tuple[str, ...] | None:
    """Return the command that builds a folder, without the folder; None where there is no such program."""
    for name, verb in _PROGRAMS:
        found = shutil.which(name)
        if found:
            return found, verb
    return None


def build(command: tuple[str, ...], files: Mapping[str, bytes], folder: str) -> list[dict[str, Any]]:
    """Return the objects of a folder. files: of the repository, by path. Raises Failed with what the program says."""
    with (
        tempfile.TemporaryDirectory(prefix="tagline-") as root,
        tempfile.TemporaryDirectory(prefix="tagline-home-") as home,
    ):
        for path, content in files.items():
            if ".." in PurePosixPath(path).parts:
                continue
            target = Path(root, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return _run(command, Path(root), folder, home)


def _run(command: tuple[str, ...], root: Path, folder: str, home: str) -> list[dict[str, Any]]:
    # Of the user's environment only what leads to a proxy, for remote resources: no kubeconfig is needed. The home is
    # empty, and not the repository, whose .gitconfig could name commands that git runs for remote resources.
    environment = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.lower().endswith("proxy")
    }
    try:
        done = subprocess.run(  # noqa: S603 -- the folder is ours, and no shell reads it
            [*command, str(root / folder)],
            env=environment | {"HOME": home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{folder} cannot be built: {type(error).__name__}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").replace(str(root), "").strip()
        raise Failed(f"{folder} cannot be built, and would not be by who syncs it: {said}; mend it in the repository")
    return [one for _, one in load_documents(done.stdout) if isinstance(one, dict)]
