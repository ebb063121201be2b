"""Flux's source-controller and kustomize-controller as local processes, beside a control plane of `hack.env`.

They are built from Go modules (`hack/tools`), for those who ask for them: `make flux-engines`. Their CRDs come from the
same modules. What they have in a cluster besides is not here: both act as the administrator of the kubeconfig, and no
notification-controller takes their events.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hack.env import process, tools

SOURCE, KUSTOMIZE, IMAGE_CRDS = "source-controller", "kustomize-controller", "flux-image-crds"
PROGRAMS = (SOURCE, KUSTOMIZE)
NAMESPACE = "flux-system"


class EnginesMissing(RuntimeError):
    """The controllers have not been built; the message says how."""


@dataclass(slots=True)
class Engines:
    """The running controllers."""

    folder: Path
    kubeconfig: Path
    programs: dict[str, Path]
    processes: dict[str, process.Process] = field(default_factory=dict)
    storage: str = field(default_factory=lambda: f"127.0.0.1:{process.free_ports(1)[0]}")
    """Where artifacts are served. It outlives the process, as the name of a Service does: kustomize-controller waits up
    to 30 s between its requests to an address that is in an object and where nobody listens any more."""

    def start(self) -> None:
        """Start both and return when they are ready. The CRDs must be served."""
        ports = iter(process.free_ports(4))
        own = {
            SOURCE: (
                f"--storage-path={self.folder / 'storage'}", f"--storage-addr={self.storage}",
                f"--storage-adv-addr={self.storage}",
            ),
            KUSTOMIZE: (),
        }  # fmt: skip
        (self.folder / "storage").mkdir(exist_ok=True)
        try:
            for name in PROGRAMS:
                health = next(ports)
                command = [
                    self.programs[name], "--events-addr=", f"--metrics-addr=127.0.0.1:{next(ports)}",
                    f"--health-addr=127.0.0.1:{health}", "--watch-all-namespaces", "--log-encoding=json",
                    "--interval-jitter-percentage=0", *own[name],
                ]  # fmt: skip
                variables = {"KUBECONFIG": str(self.kubeconfig), "RUNTIME_NAMESPACE": NAMESPACE}
                self.processes[name] = process.start(name, command, self.folder, variables)
                ready = process.http_probe(f"http://127.0.0.1:{health}/readyz", below=300)
                process.wait_until(ready, self.processes[name])
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both, by process id."""
        for running in self.processes.values():
            process.stop(running, grace_seconds=15)
        self.processes.clear()

    def log(self, name: str) -> str:
        """Return what one of them has logged."""
        return (self.folder / f"{name}.log").read_text(errors="replace")


def build() -> dict[str, Path]:
    """Return the paths of the controllers, built first where the cache does not have them."""
    return tools.ensure(*PROGRAMS)


def find_built() -> dict[str, Path] | None:
    """Return the paths of the controllers if the cache has both; build nothing."""
    found = {name: path for name in PROGRAMS if (path := tools.find_built(name))}
    return found if len(found) == len(PROGRAMS) else None


def crd_folder(program: Path) -> Path:
    """Return the folder with the CRDs of a controller."""
    return program.parent / tools.CRDS


def image_crd_folder() -> Path:
    """Return the folder with the CRDs of Flux's image controllers, generated from their API's types."""
    return crd_folder(tools.ensure("controller-gen")["controller-gen"])


@contextmanager
def running(folder: Path, kubeconfig: Path) -> Iterator[Engines]:
    """Run both controllers while the context lasts. Raises EnginesMissing."""
    programs = find_built()
    if programs is None:
        raise EnginesMissing("Flux's controllers are not built: make flux-engines")
    folder.mkdir(parents=True, exist_ok=True)
    engines = Engines(folder, kubeconfig, programs)
    engines.start()
    try:
        yield engines
    finally:
        engines.stop()
