import subprocess
from pathlib import Path

import pytest

from controllers.gitaccess.recording import unified_diff

NUMBERS = b"".join(b"%d\n" % number for number in range(50))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"a\nb\nc\n", b"a\nB\nc\n", id="line"),
        pytest.param(b"a\nb", b"a\nc", id="no-newline-at-the-end"),
        pytest.param(b"a\r\nb\r\n", b"a\r\nc\r\n", id="windows"),
        pytest.param(b"a\rb\nc\n", b"a\rB\nc\n", id="carriage-return-inside"),
        pytest.param(b"\xe4\na\n", b"\xe4\nb\n", id="not-utf-8"),
        pytest.param("a\u2028\x0c\nb\n".encode(), "a\u2028\x0c\nc\n".encode(), id="other-separators"),
        pytest.param(
            b"".join(b"%d\n" % n for n in range(50)), b"".join(b"%d\n" % (n % 40) for n in range(50)), id="far"
        ),
    ],
)
def test_git_applies_the_diff(old: bytes, new: bytes, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_bytes(old)
    diff = "".join(unified_diff("dir/file", old, new)).encode("utf-8", "surrogateescape")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=tmp_path, input=diff, check=True)
    assert (tmp_path / "dir" / "file").read_bytes() == new
