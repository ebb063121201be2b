"""The two sets of controllers, as processes with the same access to the same cluster."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from api.version import VERSION
from hack.bench.beside.objects import NAMESPACE
from hack.bench.beside.table import FLUX, TAGLINE
from hack.controllers import KINDS, Controllers
from hack.env import process, tools

PROGRAMS: Final = ("image-reflector-controller", "image-automation-controller")
START_SECONDS: Final = 60
LOG_CHARS: Final = 1_500


class Ended(RuntimeError):
    """A process of a side is gone; the message shows the end of its log."""


@dataclass(slots=True)
class Side(ABC):
    """Starts processes that know nothing of any trial before."""

    kubeconfig: Path
    concurrent: int

    name: str = field(init=False)

    @abstractmethod
    def start(self, folder: Path) -> None:
        """Start the processes in an empty folder; return when all are ready."""

    @abstractmethod
    def stop(self) -> None:
        """Stop them."""

    @abstractmethod
    def processes(self) -> Sequence[process.Process]:
        """Return those that were started."""

    def pids(self) -> list[int]:
        """Return their ids."""
        return [running.pid for running in self.processes()]

    def check(self) -> None:
        """Raise Ended when a process has ended by itself."""
        for running in self.processes():
            if not process.is_running(running):
                raise Ended(f"{running.name} has ended; {self.logs(running)}")

    def logs(self, *only: process.Process) -> str:
        """Return the ends of the processes' logs, for a message: the files do not last."""
        return "\n".join(
            f"the log of {running.name} ends with:\n{Path(running.log).read_text(errors='replace')[-LOG_CHARS:]}"
            for running in only or self.processes()
        )


@dataclass(slots=True)
class Flux(Side):
    """Flux's two controllers, built from their modules."""

    running: list[process.Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = FLUX

    def start(self, folder: Path) -> None:
        """Start both controllers."""
        programs = tools.ensure(*PROGRAMS)
        ready = []
        for name in PROGRAMS:
            state = folder / name
            state.mkdir()
            metrics, health = process.free_ports(2)
            command = [
                programs[name], f"--metrics-addr=127.0.0.1:{metrics}", f"--health-addr=127.0.0.1:{health}",
                "--events-addr=", "--watch-all-namespaces", "--enable-leader-election=false",
                f"--concurrent={self.concurrent}", *storage(name, state),
            ]  # fmt: skip
            env = {"KUBECONFIG": str(self.kubeconfig), "RUNTIME_NAMESPACE": NAMESPACE, "TMPDIR": str(state)}
            self.running.append(process.start(name, command, folder, env))
            ready.append(process.http_probe(f"http://127.0.0.1:{health}/readyz", below=300))
        for running, probe in zip(self.running, ready, strict=True):
            process.wait_until(probe, running, timeout_seconds=START_SECONDS)

    def stop(self) -> None:
        """Stop both controllers."""
        while self.running:
            process.stop(self.running.pop())

    def processes(self) -> Sequence[process.Process]:
        """Return the two processes."""
        return tuple(self.running)


@dataclass(slots=True)
class Tagline(Side):
    """The three controllers of this checkout."""

    controllers: Controllers | None = None

    def __post_init__(self) -> None:
        self.name = TAGLINE

    def start(self, folder: Path) -> None:
        """Start the three controllers."""
        configs = dict.fromkeys(KINDS, self.kubeconfig)
        self.controllers = Controllers(folder, configs, (f"--concurrent={self.concurrent}",), namespace=NAMESPACE)
        self.controllers.start()

    def stop(self) -> None:
        """Stop the three controllers."""
        if self.controllers:
            self.controllers.stop()

    def processes(self) -> Sequence[process.Process]:
        """Return the three processes."""
        return tuple(self.controllers.processes.values()) if self.controllers else ()


def storage(program: str, folder: Path) -> list[str]:
    """Return the flag for the database of tags, which only one of the controllers has."""
    return [f"--storage-path={folder}"] if program == "image-reflector-controller" else []


def versions() -> str:
    """Return the versions of both sides: Flux's as pinned, ours as released."""
    pinned = [f"{name} {pinned_version(tools.TOOLS_DIR / name / 'go.mod', name)}" for name in PROGRAMS]
    return f"{' and '.join(pinned)}; tagline {VERSION}"


def pinned_version(go_mod: Path, program: str) -> str:
    """Return the version of the program's module that a module of hack/tools requires."""
    found = re.search(rf"^(?:require )?\s*github\.com/fluxcd/{program} v(\S+)", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{go_mod} does not require {program}")
    return found[1]
