"""The allocator takes the settings where there is glibc, and is left alone elsewhere."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from controllers.runtime.process.allocator import configure_malloc

GROWTH = """
from controllers.runtime.process.allocator import configure_malloc
def resident():
    return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0])
assert configure_malloc()
before = resident()
blocks = [bytearray(b"x") * (1 << 20) for _ in range(40)]
pins = []
for _ in range(40):
    blocks.pop(0)
    pins.append(bytes(2000))
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
def test_large_blocks_go_back_when_they_are_free() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", GROWTH], cwd=root, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4 << 10


def test_another_libc_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not configure_malloc()
