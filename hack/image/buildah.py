"""buildah with a storage and a configuration of its own, so that nothing of the machine's containers is touched."""

import functools
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hack.image.programs import CannotBuild

DRIVERS = ("overlay", "vfs")
"""Of storages, the better one first; vfs copies every layer and works everywhere."""
CONFIGURATION = {
    "policy.json": json.dumps({"default": [{"type": "insecureAcceptAnything"}]}),
    "registries.conf": "",
    "storage.conf": '[storage]\ndriver = "vfs"\n',  # one is asked for, and the option counts
    "containers.conf": '[containers]\nseccomp_profile = "unconfined"\n',  # of the build, whose steps are ours
}
END_OF_OUTPUT = 4000


class Buildah:
    """Runs buildah's commands. folder: for storage and configuration; not of a checkout that is sent to a build."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        for name in ("storage", "run", "temporary", "configuration"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, content in CONFIGURATION.items():
            (folder / "configuration" / name).write_text(content)

    @functools.cached_property
    def driver(self) -> str:
        """Return the first storage driver that works here. Raises CannotBuild."""
        for driver in DRIVERS:
            asked = subprocess.run(
                self._command(driver, "info"), env=self._environment(), capture_output=True, check=False
            )
            if asked.returncode == 0:
                return driver
        raise CannotBuild(f"buildah has no storage here: {asked.stderr.decode(errors='replace')[-500:]}")

    def run(self, *arguments: object, cwd: Path | None = None) -> str:
        """Return the output of a command. Raises CannotBuild with the end of what it printed."""
        done = subprocess.run(
            self._command(self.driver, *arguments), env=self._environment(), cwd=cwd,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = f"{done.stdout}\n{done.stderr}"[-END_OF_OUTPUT:]
            raise CannotBuild(f"buildah {arguments[0]} failed with status {done.returncode}:\n{said}")
        return done.stdout.strip()

    def _command(self, driver: str, *arguments: object) -> list[str]:
        folder = self._folder
        storage = ["--root", f"{folder}/storage/{driver}", "--runroot", f"{folder}/run/{driver}"]
        configuration = ["--registries-conf", f"{folder}/configuration/registries.conf", "--storage-driver", driver]
        return [str(self._program), *storage, *configuration, *map(str, arguments)]

    def _environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": f"{self._folder}/configuration/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{self._folder}/configuration/storage.conf",
            "TMPDIR": f"{self._folder}/temporary",
        }

    @property
    def policy(self) -> Path:
        """Return the file for `--signature-policy`: whoever runs this names what is built from."""
        return self._folder / "configuration/policy.json"
