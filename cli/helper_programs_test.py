"""`cli.helper_programs`: what keeps a caller waiting is ended with all that it has started."""

import os
import select
from pathlib import Path

import pytest

from cli.helper_programs import NoAnswer, run_helper


def test_a_program_answers_what_it_is_asked(tmp_path: Path) -> None:
    command = ["sh", "-c", "cat; echo hush >&2; exit 3"]
    assert run_helper(command, b"question", environ=os.environ, seconds=60) == (3, b"question")


def test_what_a_program_that_waits_has_started_ends_with_it(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(NoAnswer):
            run_helper(["sh", "-c", f"exec 3>'{fifo}'; echo x >&3; sleep 60; :"], b"", environ=os.environ, seconds=1)
        assert os.read(reader, 2) == b"x\n"
        assert select.select([reader], [], [], 10)[0]  # nobody has the other end any more
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)
