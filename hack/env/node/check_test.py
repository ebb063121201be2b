"""What is said of a machine that cannot run a node."""

import os
from pathlib import Path

import pytest

from hack.env import __main__ as command
from hack.env import debian
from hack.env.node import cgroups, check


def test_each_thing_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(debian, "can_fetch", lambda: False)
    monkeypatch.setattr(check, "search_path", lambda: str(tmp_path))
    monkeypatch.setattr(cgroups, "missing_controllers", lambda: ["memory", "pids"])
    with pytest.raises(check.NodeImpossible) as refused:
        check.require(Path("/var/lib/tagline"))
    lines = str(refused.value).splitlines()
    assert lines[0] == "this machine cannot run a node:"
    for words in ("needs root", "apt-get", "program ip", "program unshare", "memory, pids", "TAGLINE_ENV_DIR"):
        assert any(words in line for line in lines[1:]), words


@pytest.mark.parametrize(("reasons", "status"), [([], 0), (["it needs root"], 3)])
def test_ci_tells_a_machine_that_can_run_no_node_from_a_check_that_fails(
    monkeypatch: pytest.MonkeyPatch, reasons: list[str], status: int
) -> None:
    monkeypatch.setattr(command, "missing", lambda _: reasons)
    monkeypatch.setattr("sys.argv", ["hack.env", "check"])
    assert command.main() == status
