"""The control plane: what becomes of its programs when one of them does not come up."""

from pathlib import Path

import pytest

from hack.env import controlplane, process, tools


@pytest.mark.e2e
def test_what_runs_already_is_stopped_when_the_rest_does_not_come_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {
        **tools.ensure("etcd"),
        "kube-apiserver": Path("/bin/false"),
        "kube-controller-manager": Path("/bin/false"),
    }
    monkeypatch.setattr(tools, "ensure", lambda *_names: programs)
    with pytest.raises(process.NotStarted, match="kube-apiserver did not start"):
        controlplane.start(tmp_path)
    assert (tmp_path / "etcd.log").exists()
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in read(path)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
