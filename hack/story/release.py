"""What CI does in the story: builds a static program and pushes it as an OCI image that a kubelet can run."""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from hack.env import tools
from hack.oci import Pusher

SOURCES: Final = Path(__file__).resolve().parent / "app"
USER: Final = "65532:65532"
PORT: Final = 8080


def compile_app(version: str, *, broken: bool = False) -> bytes:
    """Return the program: static, so that its image needs nothing else. broken: it ends right after its start."""
    flags = f"-s -w -X main.version={version}" + (" -X main.broken=yes" if broken else "")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "app"
        tools.run_go(["build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(target), "."], SOURCES)
        return target.read_bytes()


def release(pusher: Pusher, repository: str, tag: str, *, broken: bool = False) -> str:
    """Build and push one release; return the manifest's digest. It answers with the tag without its v."""
    program = compile_app(tag.removeprefix("v"), broken=broken)
    return pusher.push_program(repository, tag, program, name="app", user=USER, port=PORT)


def can_build() -> bool:
    """Return whether a Go tool chain is there; none is fetched."""
    try:
        tools.run_go(["version"], SOURCES)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
