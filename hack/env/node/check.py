"""What a machine must have for a node, checked before anything is built or started.

Nothing is guessed from names of systems: each check tries, or reads, the very thing that is needed.
"""

import os
import shutil
import subprocess
from pathlib import Path

from hack.env import debian
from hack.env.node import cgroups
from hack.env.tools import cache_root

PROGRAMS = ("ip", "mount", "nsenter", "unshare")
HIDDEN = (Path("/run"), Path("/var/lib"), Path("/var/log"))
"""Folders in whose place the node sees folders of its own."""


class NodeImpossible(RuntimeError):
    """A node cannot run on this machine; the message lists what it lacks."""


def require(folder: Path) -> None:
    """Raise NodeImpossible if a node cannot run here, with its files in `folder`."""
    if lacking := missing(folder):
        raise NodeImpossible("this machine cannot run a node:\n" + "\n".join(f"- {reason}" for reason in lacking))


def missing(folder: Path) -> list[str]:
    """Return what this machine lacks, a sentence each; nothing when a node can run with its files in `folder`."""
    out = []
    if os.getuid() != 0:
        out.append("it needs root, for namespaces, mounts and cgroups: run it with sudo or in a machine of its own")
    if not debian.can_fetch():
        out.append("containerd, runc and the CNI plug-ins come from Debian's packages: apt-get or dpkg-deb is missing")
    out += [f"the program {name} is missing" for name in PROGRAMS if not shutil.which(name, path=search_path())]
    if lacking := cgroups.missing_controllers():
        out.append(f"the kernel has no cgroup controllers mounted for {', '.join(lacking)}")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        out.append("the kernel has no overlay file system")
    out += [
        f"{needed} lies where the node has folders of its own: {remedy}"
        for needed, remedy in (
            (folder, "set TAGLINE_ENV_DIR (or TMPDIR) elsewhere"),
            (cache_root(), "set XDG_CACHE_HOME elsewhere"),
            (Path(__file__), "move the checkout"),
        )
        if any(needed.resolve().is_relative_to(hidden) for hidden in HIDDEN)
    ]
    if not out and (refusal := _refused_namespaces()):
        out.append(f"the kernel refuses namespaces or network devices: {refusal}")
    return out


def search_path() -> str:
    """Return PATH with the folders of administrators' programs, which not every shell has."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _refused_namespaces() -> str:
    attempt = "ip link add tagline-try type veth peer name tagline-too && mount --make-rprivate /"
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c", attempt]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": search_path()})
    return done.stderr.strip() or f"exit status {done.returncode}" if done.returncode else ""
