"""Runs a built image with runc as a cluster does: as nobody, on a read-only root, without capabilities."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.image.build import Variant, configuration, unpack
from hack.image.programs import ensure

SPEC_VERSION = "1.0.2"
SECONDS = 60
TMPFS = ["nosuid", "nodev", "mode=1777", "size=64m"]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A built image, unpacked, whose commands can be run."""

    runc: Path
    folder: Path
    config: Mapping[str, Any]
    """As in the image."""
    _number: list[int] = field(default_factory=lambda: [0])

    @property
    def root(self) -> Path:
        """Return the folder of the files."""
        return self.folder / "rootfs"

    def run(
        self, *command: str, environ: Mapping[str, str] | None = None, mounts: Mapping[str, Path] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its status and output. It shares this machine's network."""
        with self.running(command, environ=environ, mounts=mounts) as process:
            output, error = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(command, process.returncode, output, error)

    @contextmanager
    def running(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        mounts: Mapping[str, Path] | None = None,
    ) -> Iterator["subprocess.Popen[str]"]:
        """Yield a process of the image, which gets a SIGTERM at the end. mounts: read-only, from path in the image."""
        self._number[0] += 1
        name = f"tagline-image-{os.getpid()}-{self._number[0]}"
        bundle = self.folder / name
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(self._specification(command, environ or {}, mounts or {})))
        runc = [str(self.runc), "--root", str(self.folder / "state")]
        process = subprocess.Popen(
            [*runc, "run", "--bundle", str(bundle), name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
            if process.poll() is None:
                process.terminate()  # runc hands it on
                process.communicate(timeout=SECONDS)
        finally:
            subprocess.run([*runc, "delete", "--force", name], capture_output=True, check=False)
            if process.poll() is None:
                process.kill()
            process.wait()

    def _specification(
        self, command: Sequence[str], environ: Mapping[str, str], mounts: Mapping[str, Path]
    ) -> dict[str, Any]:
        """Return the bundle's configuration: https://github.com/opencontainers/runtime-spec/blob/main/config.md."""
        user, _, group = self.config["config"]["User"].partition(":")
        given = [*self.config["config"]["Env"], *(f"{name}={value}" for name, value in environ.items())]
        return {
            "ociVersion": SPEC_VERSION,
            "root": {"path": str(self.root), "readonly": True},
            "hostname": "tagline",
            "process": {
                "terminal": False,
                "user": {"uid": int(user), "gid": int(group)},
                "args": list(command),
                "env": given,
                "cwd": self.config["config"]["WorkingDir"] or "/",
                "noNewPrivileges": True,
                "capabilities": {},
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": TMPFS},  # noqa: S108
                *(
                    {"destination": inside, "type": "bind", "source": str(path), "options": ["rbind", "ro"]}
                    for inside, path in mounts.items()
                ),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
        }


@contextmanager
def unpacked(variant: Variant) -> Iterator[Unpacked]:
    """Yield a built image, unpacked into a folder that goes at the end. Raises CannotBuild."""
    programs = ensure()
    folder = Path(tempfile.mkdtemp(prefix="tagline-image-"))
    try:
        (folder / "rootfs").mkdir()
        unpack(variant, folder / "rootfs")
        yield Unpacked(programs.runc, folder, configuration(variant))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
