"""The node's cgroup, in folders that stand for both versions."""

from pathlib import Path

import pytest

from hack.env.node import cgroups


@pytest.fixture(params=[1, 2])
def mount(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return what /sys/fs/cgroup looks like in version 1 or 2."""
    if request.param == 2:
        (tmp_path / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
        (tmp_path / "cgroup.subtree_control").write_text("")
    else:
        for controller in ("cpu", "cpuset", "memory", "pids"):
            (tmp_path / controller).mkdir()
        (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1")
    return tmp_path


def test_created_in_every_tree_and_removed_with_what_is_below(mount: Path) -> None:
    cgroups.create("node", mount)
    created = cgroups.existing("node", mount)
    assert len(created) in (1, 4)
    for group in created:
        for file in group.glob("cpuset.*"):  # in the kernel's, files do not keep a folder from being removed
            assert file.read_text() == "0-1"
            file.unlink()
        (group / "kubepods" / "pod1").mkdir(parents=True)
    cgroups.remove("node", mount)
    assert cgroups.existing("node", mount) == []
    cgroups.remove("node", mount)


def test_missing_controllers_are_named(mount: Path) -> None:
    assert cgroups.missing_controllers(mount) == []
    if (mount / "memory").is_dir():
        (mount / "memory").rmdir()
    else:
        (mount / "cgroup.controllers").write_text("cpuset cpu pids\n")
    assert cgroups.missing_controllers(mount) == ["memory"]


def test_group_with_processes_is_reported(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "REMOVAL_SECONDS", 0)
    cgroups.create("node", mount)
    for group in cgroups.existing("node", mount):
        (group / "cgroup.procs").write_text("1")
    with pytest.raises(OSError, match="not empty"):
        cgroups.remove("node", mount)
