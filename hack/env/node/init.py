"""The first process of a node's namespaces: mounts what the node is to have of its own, then buries the dead.

`python -I init.py FOLDER`, as process 1 of new mount, network and process namespaces. When it is killed, the kernel
kills every process of the node and of its pods, and all that they have mounted is gone. It imports nothing of ours.

The node has its own `/run`, and below FOLDER its own `/var/lib` and `/var/log`. What it may change of the kernel's
settings are those of its network. The kubelet insists on some others, which are the machine's: it is shown files that
have the values it wants, and nothing is changed.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

OWN = ("/var/lib", "/var/log")
READY = "ready"
WANTED = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""Settings that the kubelet would write unless they are so (its `setupKernelTunables`)."""


def main(folder: Path) -> None:
    """Set the namespaces up, write FOLDER/ready, and wait for children for ever."""
    _mount("-t", "proc", "proc", "/proc")
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for place in OWN:
        own = folder / place.replace("/", "-").strip("-")
        own.mkdir(exist_ok=True)
        _mount("--bind", str(own), place)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    _protect_settings(folder / "settings")
    _mount("--make-rshared", "/")  # with nobody outside; the kubelet passes mounts on to containers
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    (folder / READY).touch()
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        signal.sigwait({signal.SIGCHLD})


def _protect_settings(folder: Path) -> None:
    """Make the kernel's settings read-only but for those of the network, which belong to the namespace."""
    _mount("--bind", "/proc/sys", "/proc/sys")
    _mount("--bind", "/proc/sys/net", "/proc/sys/net")
    _mount("-o", "remount,bind,ro", "/proc/sys")
    folder.mkdir(exist_ok=True)
    for setting, value in WANTED.items():
        shown = folder / setting.replace("/", ".")
        shown.write_text(f"{value}\n")
        _mount("--bind", str(shown), f"/proc/sys/{setting}")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
