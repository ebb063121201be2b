"""The node's own cgroup, below which the kubelet makes those of its pods; in both versions of cgroups.

With version 1 every controller is a tree of its own, with version 2 there is one for all.
"""

import time
from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
NEEDED = ("cpu", "memory", "pids", "cpuset")
REMOVAL_SECONDS = 10


def missing_controllers(mount: Path = MOUNT) -> list[str]:
    """Return those of the controllers which the kubelet needs that are not mounted."""
    if _is_unified(mount):
        return [name for name in NEEDED if name not in (mount / "cgroup.controllers").read_text().split()]
    return [name for name in NEEDED if not (mount / name).is_dir()]


def create(name: str, mount: Path = MOUNT) -> None:
    """Create the cgroup `name` in every tree."""
    if _is_unified(mount):
        enabled = " ".join(f"+{c}" for c in (mount / "cgroup.controllers").read_text().split())
        (mount / "cgroup.subtree_control").write_text(enabled)
    for tree in _trees(mount):
        (tree / name).mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):  # in version 1 a new cgroup has none, and then takes no process
            if tree != mount and (tree / file).exists():
                (tree / name / file).write_text((tree / file).read_text())


def remove(name: str, mount: Path = MOUNT) -> None:
    """Remove the cgroup and all below it, in every tree, once its processes have gone. Raises OSError after a while."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    for group in [group for tree in _trees(mount) for group in _deepest_first(tree / name)]:
        while True:
            try:
                group.rmdir()
            except FileNotFoundError:
                break
            except OSError:  # the kernel is not done with its last process
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                break


def existing(name: str, mount: Path = MOUNT) -> list[Path]:
    """Return the folders of the cgroup that there are."""
    return [tree / name for tree in _trees(mount) if (tree / name).is_dir()]


def _is_unified(mount: Path) -> bool:
    return (mount / "cgroup.controllers").exists()


def _trees(mount: Path) -> list[Path]:
    if _is_unified(mount):
        return [mount]
    return sorted(tree for tree in mount.iterdir() if tree.is_dir() and not tree.is_symlink())


def _deepest_first(group: Path) -> Iterator[Path]:
    if not group.is_dir():
        return
    for child in group.iterdir():
        if child.is_dir():
            yield from _deepest_first(child)
    yield group
