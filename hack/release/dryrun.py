"""Does of a release what can be done without publishing anything, and proves that its files can be used."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from api.version import VERSION
from hack.env import process, registry, tools
from hack.release.artifacts import CHECKSUMS, build_all

NOT_RUN: Final = (
    "the image for amd64 and arm64, its SBOM and provenance: `make image` builds the one of this machine",
    "signatures (cosign, keyless) and attestations: they need the identity of the workflow",
    "the wheel to PyPI (trusted publishing), chart and image to their registry, the release on the forge",
)
"""What only the workflow does."""

Said = Callable[[str], None]


class Unusable(RuntimeError):
    """A file of the release does not do what it is for."""


def run(folder: Path, say: Said) -> None:
    """Build all files into a folder and use each of them. Raises Unusable, CalledProcessError, BuildFailed."""
    files = build_all(folder)
    wheel, chart = (next(one for one in files if one.suffix == suffix) for suffix in (".whl", ".tgz"))
    for one in files:
        say(f"built {one.name} ({one.stat().st_size:,} bytes)")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS], cwd=folder, check=True)
    say("the checksums are those of the files")
    use_wheel(wheel)
    say(f"`tagline version` of the wheel says {VERSION}")
    digest = push_chart(chart)
    say(f"the chart was pushed to a registry as {digest}, and what is pulled from there is the same")
    for step in NOT_RUN:
        say(f"NOT RUN here: {step}")


def use_wheel(wheel: Path) -> None:
    """Run the command line from the wheel, with nothing of this checkout on the path. Raises Unusable."""
    command = [sys.executable, "-P", "-m", "cli.main", "version", "--client"]
    env = {**os.environ, "PYTHONPATH": str(wheel)}
    done = subprocess.run(command, cwd=wheel.parent, env=env, capture_output=True, text=True, check=False)
    if done.returncode or VERSION not in done.stdout:
        raise Unusable(f"{wheel.name}: `tagline version` says {done.stdout}{done.stderr}")


def push_chart(chart: Path) -> str:
    """Push the chart to a registry of its own, pull it, and return the digest. Raises Unusable."""
    with tempfile.TemporaryDirectory() as temporary:
        local = registry.start(Path(temporary) / "registry")
        try:
            repository = f"oci://{local.host}/charts"
            pushed = _helm("push", str(chart), repository, "--plain-http")
            target = Path(temporary) / "pulled"
            version = ("--version", VERSION, "--destination", str(target))
            _helm("pull", f"{repository}/tagline", *version, "--plain-http")
            pulled = target / chart.name
            if not pulled.is_file() or pulled.read_bytes() != chart.read_bytes():
                raise Unusable(f"{chart.name}: what the registry gives is not what was pushed")
        finally:
            process.stop(local.process, kill=True)
    return next(line.split()[-1] for line in pushed.splitlines() if line.startswith("Digest:"))


def _helm(*arguments: str) -> str:
    command = [str(tools.ensure("helm")["helm"]), *arguments]
    if arguments[0] == "pull":
        Path(arguments[arguments.index("--destination") + 1]).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unusable(f"helm {arguments[0]}: {done.stderr.strip()}")
    return done.stdout + done.stderr
