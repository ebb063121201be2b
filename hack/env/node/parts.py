"""The programs of a node: containerd, runc, CNI plug-ins and iptables from Debian, the rest from Go modules."""

from dataclasses import dataclass
from pathlib import Path

from hack.env import debian, tools
from hack.env.node.check import search_path

PACKAGES = ("containerd", "runc", "containernetworking-plugins", "iptables", "conntrack", "busybox-static")
PROGRAMS = (
    "usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr", "usr/sbin/runc", "usr/sbin/conntrack",
    "usr/sbin/xtables-nft-multi", "usr/sbin/xtables-legacy-multi",
)  # fmt: skip
TOOLS = ("kubelet", "kube-proxy", "kube-scheduler", "coredns")
IPTABLES = tuple(
    f"{family}{verb}" for family in ("iptables", "ip6tables") for verb in ("", "-save", "-restore")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the node's programs are."""

    packages: Path
    tools: dict[str, Path]

    @property
    def plugins(self) -> Path:
        """The folder of the CNI plug-ins."""
        return self.packages / "usr/lib/cni"

    @property
    def busybox(self) -> Path:
        """A program without libraries, for images of tests."""
        return self.packages / "bin/busybox"

    def variables(self, folder: Path) -> dict[str, str]:
        """Return PATH and whatever else the programs need; `folder` gets links to the kind of iptables that works."""
        bin_folder = folder / "bin"
        bin_folder.mkdir(exist_ok=True)
        places = [bin_folder, *(self.packages / name for name in ("usr/sbin", "usr/bin", "bin"))]
        return {
            "PATH": f"{':'.join(map(str, places))}:{search_path()}",
            "XTABLES_LIBDIR": str(next(self.packages.glob("usr/lib/*/xtables"), "")),
        }

    def link_iptables(self, folder: Path, kind: str) -> None:
        """Let `iptables` and its relatives be those of one kind, `nft` or `legacy`: Debian does so when it installs."""
        for name in IPTABLES:
            link = folder / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(self.packages / "usr/sbin" / f"xtables-{kind}-multi")


def ensure() -> Parts:
    """Return the parts, fetched and built first where the cache lacks them. Raises what builds and fetches raise."""
    return Parts(debian.unpacked("node", PACKAGES, PROGRAMS), tools.ensure(*TOOLS))
