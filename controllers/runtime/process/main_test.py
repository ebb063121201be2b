import json
import logging
import subprocess
import sys

import pytest

from controllers.runtime.process import flags, main
from controllers.runtime.process.main import Program
from controllers.runtime.process.process import Process

STUCK = """
import threading
from controllers.runtime.process.main import schedule_exit
threading.Thread(target=threading.Event().wait).start()
schedule_exit(7, seconds=0.01)
"""


def test_a_thread_that_never_ends_does_not_keep_the_process() -> None:
    assert subprocess.run([sys.executable, "-c", STUCK], timeout=30, check=False).returncode == 7


def build_nothing(_: Process) -> None:
    raise AssertionError("the process must not get that far")


THING = Program("thing", build_nothing)


def test_an_unknown_flag_is_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([THING], ["--nonsense"]) == 2
    assert capsys.readouterr().err == "unknown flag: --nonsense, see --help\n"


def test_help_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    own = flags.Flag("shard-count", 1, flags.at_least(1), "shards")
    assert main.main([Program("thing", build_nothing, [own])], ["--help"]) == 0
    assert "--shard-count\n      shards (default 1)" in capsys.readouterr().out


def test_without_a_cluster_the_process_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    before = (logging.getLogger().handlers[:], logging.getLogger("controllers").level)
    try:
        assert main.main([THING], ["--log-encoding=json"]) == 1
    finally:
        logging.getLogger().handlers[:] = before[0]
        logging.getLogger("controllers").setLevel(before[1])
        logging.captureWarnings(capture=False)
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["msg"]) == ("error", "cannot start")
    assert "set KUBECONFIG" in line["error"]
