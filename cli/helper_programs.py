"""Runs programs that know logins, Git's and Docker's helpers among them, without a terminal and not for long.

Such a program is often a script that starts another one, which then waits for a person. All of them end together.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress


class NoAnswer(Exception):
    """A program did not answer in time."""


def run_helper(
    command: Sequence[str], question: bytes, *, environ: Mapping[str, str], seconds: float
) -> tuple[int, bytes]:
    """Return exit status and standard output of a program that is given a question on standard input.

    Raises NoAnswer, OSError where it cannot be run. It and what it has started are ended then, as by Ctrl-C.
    """
    with subprocess.Popen(  # noqa: S603  # the user's own configuration names it
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(environ),
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            answer, _ = process.communicate(question, timeout=seconds)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise NoAnswer from None
            raise
    return process.returncode, answer
