"""A process may open as many files as its hard limit says, whatever it was started with."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from controllers.runtime.process.descriptors import raise_descriptor_limit

OPEN_MANY = """
import resource, socket
from controllers.runtime.process.descriptors import raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))
assert raise_descriptor_limit() == 256
held = [socket.socket() for _ in range(200)]
print(len(held))
"""


def test_more_files_can_be_open_than_a_process_begins_with() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", OPEN_MANY], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "200\n"


def test_a_system_that_refuses_leaves_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, -1))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_descriptor_limit() == 1_024
