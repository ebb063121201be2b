"""`python -m e2e.apifaults.process KIND`: starts controllers as they are, but with short waits and clocks to be set.

It reads one request a line from its input (JSON: `flags`, `env`, `log`), forks a controller for it, and answers with
its process id: a controller that is killed at every position would otherwise spend most of the time on its imports.

Lists come in pages of two, so that a small scenario has `continue` tokens; a watch is silent after seconds, not
minutes (the proxy sends bookmarks as often); the kubeconfig, which has a token only, is read in place. The number of
seconds in the file that TAGLINE_TEST_CLOCK names is added to wall time.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controllers.clock import SystemClock
from controllers.runtime.cache.informer import Informer
from controllers.runtime.kube import config
from controllers.runtime.kube.kubeconfig import ResolvedContext
from controllers.runtime.process.main import Program, main

PAGE_SIZE = 2
SILENCE = timedelta(seconds=6)


def shifted_clock(file: Path) -> Callable[[SystemClock], datetime]:
    """Return a `now` that is as far from the machine's as the file says."""

    def now(_: SystemClock) -> datetime:
        try:
            shift = float(file.read_text() or 0)
        except FileNotFoundError:
            shift = 0.0
        return datetime.now(UTC) + timedelta(seconds=shift)

    return now


def read_kubeconfig(path: str) -> ResolvedContext:
    """Return what a kubeconfig of `controlplane.write_kubeconfig` says."""
    content = json.loads(Path(path).read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    return ResolvedContext(
        server=cluster["server"],
        namespace=content["contexts"][0]["context"]["namespace"],
        authorization=f"Bearer {user['token']}",
        ca=Path(cluster["certificate-authority"]).read_text(),
    )


def adapt() -> None:
    """Make waits short, for all controllers of this process and of those that are forked from it."""
    defaults = Informer.__init__.__kwdefaults__
    assert defaults is not None
    assert {"page_size", "silence_timeout"} <= defaults.keys()
    defaults |= {"page_size": PAGE_SIZE, "silence_timeout": SILENCE}
    config.resolve_kubeconfig = read_kubeconfig  # type: ignore[attr-defined]


def run(program: Program, *, flags: Sequence[str], env: dict[str, str], log: str) -> int:
    """Run a controller to its end, in a session of its own."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(log, "ab") as out, open(os.devnull) as empty:
        os.dup2(empty.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.update(env)
    SystemClock.now = shifted_clock(Path(env["TAGLINE_TEST_CLOCK"]))  # type: ignore[method-assign, assignment]
    return main([program], flags)


def serve(program: Program) -> None:
    """Fork a controller for each line of the input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps them
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                status = run(program, **request)
            except BaseException:  # nothing of the child may go on in the loop of its parent
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        print(pid, flush=True)  # the answer


if __name__ == "__main__":
    adapt()
    serve(importlib.import_module(f"controllers.{sys.argv[1]}.__main__").PROGRAM)
