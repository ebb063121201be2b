"""What is watched while somebody attacks: the wait of the victim, `/healthz`, the event loop, memory, leases.

Processes and pods are watched alike.

A test of an attack measures with an `Attack`, and the figures go into the test's report, from which
`python -m hack.attacks` makes its table.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from e2e import metrics
from e2e.running import Running

LIMIT_MIB = 1024
"""Of the manifests."""
PATIENCE_SECONDS = 3.0
"""How late an answer of `/healthz` may be: it is given by the event loop, as the lease is renewed by it."""
LAG_SECONDS = 5.0
"""How late the event loop may be: kubelet would act after it, and leases would be next."""
LAG = "event_loop_lag_seconds"
NO_LEASE, KEPT, LOST = "none", "kept", "lost"


@dataclass(slots=True)
class Watch:
    """The worst of all processes while they were watched."""

    bound: float
    """Seconds that the victim may have to wait."""
    waited: float = float("inf")
    """What it did wait; without an end when it was not served at all."""
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds until `/healthz` answered, by kind."""
    rss_mib: dict[str, float] = field(default_factory=dict)
    lag: float = 0.0
    """Seconds that the event loop of any process was late; the bound of the histogram's bucket."""
    lease: str = NO_LEASE

    @contextmanager
    def victim(self) -> Iterator[None]:
        """Take the time of what is done for the victim, which fails unless it is served."""
        began = time.monotonic()
        yield
        self.waited = time.monotonic() - began

    def figures(self) -> dict[str, str]:
        """Return what the table shows, by column."""
        return {
            "victim": f"{self.waited:.1f} of {self.bound:.0f} s",
            "/healthz": f"{max(self.slowest.values(), default=float('inf')):.2f} s",
            "loop lag": f"<= {self.lag:g} s",
            "RSS": f"{max(self.rss_mib.values(), default=0):.0f} MiB",
            "lease": self.lease,
        }

    def check(self) -> None:
        """Fail unless the victim was served in time, and all processes answered and kept to their limits."""
        assert self.slowest, "nothing was watched"
        assert self.waited <= self.bound, self
        assert max(self.slowest.values()) < PATIENCE_SECONDS, self
        assert self.lag <= LAG_SECONDS, self
        assert max(self.rss_mib.values()) < LIMIT_MIB, self
        assert self.lease != LOST, self


class Attack:
    """Watches the processes while one test attacks them."""

    def __init__(self, processes: Running, record: Callable[[str, object], None]) -> None:
        self.processes = processes
        self._record = record

    @contextmanager
    def watch(self, *, bound: float) -> Iterator[Watch]:
        """Watch all processes until the end of the block; report what was seen, and check it."""
        seen, over = Watch(bound), threading.Event()
        began, lags = self._state(), self._lags()
        thread = threading.Thread(target=self._look, args=(seen, over))
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()
            seen.lag, seen.lease = self._late(lags), _compare(began, self._state())
            for column, figure in seen.figures().items():
                self._record(column, figure)
            print(f"\n  {seen.figures()}")
        seen.check()

    def _look(self, seen: Watch, over: threading.Event) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while True:
                for kind, url in self.processes.health.items():
                    began = time.monotonic()
                    try:
                        client.get(f"{url}/healthz").raise_for_status()
                        took = time.monotonic() - began
                    except httpx.HTTPError:
                        took = float("inf")
                    seen.slowest[kind] = max(seen.slowest.get(kind, 0), took)
                for kind, size in self.processes.rss_mib().items():
                    seen.rss_mib[kind] = max(seen.rss_mib.get(kind, 0), size)
                if over.wait(0.2):
                    return

    def _state(self) -> dict[str, tuple[str, float]]:
        """Return by kind which process it is, and whether it leads; a process that is gone leads nothing."""
        state = {}
        urls = self.processes.metrics
        for kind, incarnation in self.processes.incarnations().items():
            try:
                leads = metrics.total(urls.get(kind, ""), "leader_election_master_status")
            except httpx.HTTPError:
                leads = 0
            state[kind] = (incarnation, leads)
        return state

    def _lags(self) -> dict[str, dict[float, float]]:
        return {kind: metrics.buckets(url, LAG) for kind, url in self.processes.metrics.items()}

    def _late(self, before: dict[str, dict[float, float]]) -> float:
        """Return the bound of the highest bucket in which there is anything new."""
        try:
            now = self._lags()
        except httpx.HTTPError:
            return float("inf")
        new = [bound for kind, found in now.items() for bound in _filled(before[kind], found)]
        return max(new, default=0.0)


def _filled(before: dict[float, float], now: dict[float, float]) -> Iterator[float]:
    """Yield the bounds of those buckets, each of which counts all below it, that have got something of their own."""
    below = 0.0
    for bound in sorted(now):
        count = now[bound] - before.get(bound, 0)
        if count > below:
            yield bound
        below = count


def _compare(before: dict[str, tuple[str, float]], now: dict[str, tuple[str, float]]) -> str:
    if not any(leads for _, leads in before.values()):
        return NO_LEASE
    return KEPT if before == now else LOST
