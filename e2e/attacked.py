"""What is watched while somebody attacks: answers of `/healthz`, memory, and whether the processes live."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from e2e.cluster import Space
from e2e.kubeapi import KubeApi
from hack.controllers import Controllers

LIMIT_MIB = 1024
"""Of the manifests."""
PATIENCE_SECONDS = 3.0
"""How late an answer of `/healthz` may be: it is given by the event loop, as the lease is renewed by it."""


@dataclass(slots=True)
class Watch:
    """The worst of each process while it was watched."""

    slowest: dict[str, float] = field(default_factory=dict)
    rss_mib: dict[str, float] = field(default_factory=dict)

    def check(self) -> None:
        """Fail unless all processes answered in time and stayed within the limit."""
        assert self.slowest, "nothing was watched"
        assert max(self.slowest.values()) < PATIENCE_SECONDS, self
        assert max(self.rss_mib.values()) < LIMIT_MIB, self


@contextmanager
def watch(controllers: Controllers) -> Iterator[Watch]:
    """Watch all processes until the end of the block, and check them there."""
    seen, stop = Watch(), threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            for kind, url in controllers.health.items():
                began = time.monotonic()
                try:
                    httpx.get(f"{url}/healthz", timeout=60, trust_env=False).raise_for_status()
                    took = time.monotonic() - began
                except httpx.HTTPError:
                    took = float("inf")
                seen.slowest[kind] = max(seen.slowest.get(kind, 0), took)
            for kind, size in controllers.rss_mib().items():
                seen.rss_mib[kind] = max(seen.rss_mib.get(kind, 0), size)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    print(f"\n  slowest answer: {_figures(seen.slowest, 's')}; memory: {_figures(seen.rss_mib, 'MiB')}")
    seen.check()


def _figures(values: dict[str, float], unit: str) -> str:
    return ", ".join(f"{kind} {value:.2f} {unit}" for kind, value in values.items())


@contextmanager
def attacker(victim: Space, api: KubeApi) -> Iterator[Space]:
    """Yield a namespace of somebody else; it is deleted afterwards."""
    name = f"attacker-{time.time_ns() % 36**6:x}"
    api.create_namespace(name)
    try:
        yield Space(victim.kubectl, api, name)
    finally:
        api.delete_namespace(name)


def running(controllers: Controllers | None) -> Controllers:
    """Return the processes; skips the test when they run in the cluster."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: they do not reach servers on this machine's loopback")
    return controllers
