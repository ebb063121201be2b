"""Verbs of a cluster, each in a process of its own, beside the reference's compiled program where it is built.

A small list shows what starting costs, a large one what an object costs. Modules are compiled beforehand, as they are
where pip has installed a wheel.
"""

import compileall
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from api.names import IMAGE_POLICIES, NAMESPACES
from cli.kube.client import Cluster
from cli.kube.config import ConnectionOptions, load
from cli.kube.deadline import Deadline
from hack.bench.verbs import ROOT, ProcessFigure, measure
from hack.controllers import Kubectl, install_crds
from hack.env import controlplane, process, tools

SIZES: Final = (1, 5_000)
EXPORT: Final = "create image repository app --image=ghcr.io/org/app --export"
OURS: Final = ("--help", "version --client", "__complete get images ''")


def figures(runs: int) -> Iterator[ProcessFigure]:
    """Yield the figures; a bare interpreter first."""
    compileall.compile_dir(str(ROOT / "cli"), quiet=1)
    compileall.compile_dir(str(ROOT / "controllers"), quiet=1)
    compileall.compile_dir(str(ROOT / "api"), quiet=1)
    reference = tools.find_built("flux")
    with TemporaryDirectory(prefix="tagline-bench-") as name:
        folder = Path(name)
        yield measure("bare interpreter", [sys.executable, "-c", "pass"], folder, runs)
        for words in OURS:
            yield measure(f"tagline {words}", _ours(words), folder, runs)
        yield from _both(EXPORT, reference, folder, runs, "")
        plane = controlplane.start(folder)
        try:
            install_crds(Kubectl(tools.ensure("kubectl")["kubectl"], plane.kubeconfig))
            connection = load(ConnectionOptions(kubeconfig=str(plane.kubeconfig)), {})
            with Cluster(connection, Deadline(None)) as cluster:
                made = 0
                for size in SIZES:
                    while made < size:
                        _make(cluster, made)
                        made += 1
                    words = f"get images all -n bench --kubeconfig {plane.kubeconfig}"
                    yield from _both(words, reference, folder, runs, f" of {size:,} objects")
        finally:
            for running in plane.processes:
                process.stop(running)


def _both(words: str, reference: Path | None, folder: Path, runs: int, of: str) -> Iterator[ProcessFigure]:
    short = " ".join(words.split()[:3])
    yield measure(f"tagline {short}{of}", _ours(words), folder, runs)
    if reference:
        yield measure(f"flux {short}{of}", [str(reference), *words.split()], folder, runs)


def _ours(words: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *words.replace("''", "").split(), *([""] if "''" in words else [])]


def _make(cluster: Cluster, number: int) -> None:
    if not number:
        cluster.create(NAMESPACES, "", {"metadata": {"name": "bench"}})
    spec = {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.x"}}}
    body = {"metadata": {"name": f"app-{number}", "namespace": "bench"}, "spec": spec}
    cluster.create(IMAGE_POLICIES, "bench", body)
