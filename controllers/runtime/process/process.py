"""One process: what its kinds share, the order in which things start, and how they end.

Start: probes and metrics first, then the caches; when all are filled, each kind is elected and works (`kind`). A
standby replica therefore has warm caches and becomes active in one step.
End on SIGTERM or SIGINT: nothing new is started, runs may finish within the grace period and are cancelled after it,
events are flushed, the leases are released, exit status 0. A lost lease cancels the runs of all kinds at once: exit
status 1.
"""

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from api.resource import Resource
from api.version import VERSION
from controllers.clock import SYSTEM_CLOCK, Clock, wait_for
from controllers.golang.duration import format_duration
from controllers.net.destinations import Destinations, service_networks
from controllers.net.foreign_text import escape
from controllers.net.library_errors import describe
from controllers.runtime import logkey
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import KubeObject
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.protocols import ApiClient
from controllers.runtime.process import debug, flags
from controllers.runtime.process.flags import Options
from controllers.runtime.process.health import HealthChecks, LoopLagMonitor, MetricsPage, make_loop_check
from controllers.runtime.process.httpserver import HttpServer, RequestHandler
from controllers.runtime.process.metrics import Metrics
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.tracing import NO_TRACER, Tracer

if TYPE_CHECKING:
    from controllers.runtime.process.otel import OtelTracer

SYNC_TIMEOUT = timedelta(minutes=2)
_TRACES_FLUSH = timedelta(seconds=2)
_FLUSH_SHARE = 0.2  # of the grace period: kept for events and the leases

K = TypeVar("K", bound=KubeObject)
P = TypeVar("P")

log = logging.getLogger("controllers.setup")


class CannotStart(Exception):
    """The process cannot do its work; the text says what to fix."""


class Runnable(Protocol):
    """What runs in a task of its own from the start to the end of the process."""

    async def run(self) -> None: ...


class Worker(Protocol):
    """What starts to work once the caches are filled: a kind."""

    @property
    def is_working(self) -> bool:
        """Whether it is elected and works."""

    @property
    def is_idle(self) -> bool:
        """Whether it works and has nothing to do now."""

    async def run(self) -> None:
        """Wait to be elected, then work until stopped. Raises LostLeadership."""

    def stop(self) -> None:
        """Begin nothing more; `run` returns when the work under way is over."""

    async def flush(self) -> None:
        """Return when what was recorded has been written."""

    async def release(self) -> None:
        """Hand leadership over."""


class Process:
    """What the kinds of a process share, and what runs them. `run` once."""

    def __init__(
        self,
        options: Options,
        *,
        name: str,
        config: ClusterConfig,
        clock: Clock = SYSTEM_CLOCK,
        environ: Mapping[str, str] = os.environ,
        rng: Random | None = None,
        client: ApiClient | None = None,
    ) -> None:
        """Build it; nothing is started.

        name: its kinds, for the user agent that servers see
        client: of an API that is no cluster; the process closes it. None: a client of the cluster of `config`
        Raises CannotStart.
        """
        self.options = options
        self.clock = clock
        self.rng = rng or Random()  # noqa: S311 - spreads load, guards nothing
        self.metrics = Metrics()
        self.namespace = environ.get("RUNTIME_NAMESPACE") or config.namespace
        """Of the process itself."""
        self.watched_namespace = "" if options[flags.WATCH_ALL_NAMESPACES] else self.namespace
        """Empty: all."""
        self.destinations = Destinations(
            denied=options[flags.DENIED_NETWORKS] or service_networks(environ), allowed=options[flags.ALLOWED_NETWORKS]
        )
        """Where the URLs of tenants and servers may lead."""
        self.user_agent = f"tagline-{name}/{VERSION}"
        self._cleanups: list[Callable[[], Awaitable[None]]] = []
        self.tracer = self._make_tracer(name)
        """Makes the spans of all kinds."""
        self.client: ApiClient = client or self._connect(config)
        lag = LoopLagMonitor(clock, observe=self.metrics.loop_lag.observe, log=logging.getLogger("controllers.runtime"))
        self.liveness, self.readiness = HealthChecks(), HealthChecks()
        self.liveness.add("loop", make_loop_check(lag.lag_seconds))
        self.servers = self._make_servers()
        self._informers: dict[tuple[Resource, type[Any], str], Informer[Any]] = {}
        self._shared: dict[Callable[..., Any], Any] = {}
        self._background: list[Runnable] = [lag]
        self._workers: dict[Worker, asyncio.Task[None] | None] = {}
        self.add_cleanup(self.client.close)
        self._stop = asyncio.Event()

    def _make_tracer(self, name: str) -> Tracer:
        """Return what makes spans. Without a collector nothing of OpenTelemetry is loaded. Raises CannotStart."""
        endpoint = self.options[flags.OTLP_ENDPOINT]
        if not endpoint:
            return NO_TRACER
        try:
            otel = importlib.import_module("controllers.runtime.process.otel")
        except ImportError as error:
            missing = error.name or "opentelemetry"
            raise CannotStart(
                f"--{flags.OTLP_ENDPOINT.name} needs the packages of the extra otel (pip install 'tagline[otel]'): "
                f"there is no {missing}"
            ) from error
        tracer: OtelTracer = otel.connect(endpoint, service=f"tagline-{name}", version=VERSION)

        async def close() -> None:
            with suppress(TimeoutError):  # a collector that is away must not hold up the end
                await wait_for(self.clock, _TRACES_FLUSH.total_seconds(), asyncio.to_thread(tracer.close))

        self.add_cleanup(close)
        return tracer

    def _connect(self, config: ClusterConfig) -> ApiClient:
        """Return a client of a cluster. Without one its HTTP library is not loaded, which takes 20 MB."""
        client: ApiClient = importlib.import_module("controllers.runtime.kube.client").KubeClient(
            config,
            user_agent=self.user_agent,
            observe=self.metrics.observe_requests(urlsplit(config.server).netloc),
            clock=self.clock,
        )
        return client

    def informer(
        self,
        resource: Resource,
        *,
        into: type[K],
        label_selector: str = "",
        transform: Callable[[K], K] | None = None,
        indexers: Mapping[str, Callable[[K], Iterable[str]]] | None = None,
    ) -> Informer[K]:
        """Return a cache that the process fills. Kinds that ask for the same objects in the same form share it.

        transform: see `Informer`; belongs to the form, so it is the same wherever `into` is
        """
        identity = (resource, into, label_selector)
        if identity not in self._informers:
            informer = self._informers[identity] = Informer(
                self.client,
                resource,
                into=into,
                clock=self.clock,
                rng=self.rng,
                namespace=self.watched_namespace if resource.namespaced else "",
                label_selector=label_selector,
                transform=transform,
            )
            self._background.append(informer)
            self.metrics.informers.watch(informer)
            self.readiness.add(informer.name, lambda: _why_not_ready(informer))
        shared: Informer[K] = self._informers[identity]
        shared.add_indexers(indexers or {})
        return shared

    def share(self, make: Callable[["Process"], P]) -> P:
        """Return what `make(process)` returns; call it once, so that several kinds use the same client or metrics."""
        if make not in self._shared:
            self._shared[make] = make(self)
        shared: P = self._shared[make]
        return shared

    def provide(self, make: Callable[["Process"], P], part: P) -> None:
        """Let `share(make)` return `part`: for a process whose edges are others than those that flags describe."""
        self._shared[make] = part

    def add_worker(self, worker: Worker) -> None:
        """Run `worker` once the caches are filled."""
        self._workers[worker] = None

    def add_background(self, runnable: Runnable) -> None:
        """Run `runnable` from the start, beside the caches. When it ends, the process does."""
        self._background.append(runnable)

    def add_cleanup(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` at the end, before what was registered earlier."""
        self._cleanups.append(callback)

    @property
    def is_idle(self) -> bool:
        """Whether every kind works and has nothing to do now; changes may be under way from the API."""
        return all(worker.is_idle for worker in self._workers)

    def stop(self) -> None:
        """Begin the orderly end; `run` returns when it is done."""
        self._stop.set()

    async def run(self) -> int:
        """Run until `stop`, or until the process cannot go on; return its exit status."""
        log.info("starting manager")
        try:
            for server in self.servers.values():
                await server.start()
        except OSError as error:
            log.error("cannot listen", extra={logkey.ERROR: _listen_fault(error)})
            return 1
        background = [asyncio.create_task(part.run()) for part in self._background]
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stopped, work, *background}, return_when=asyncio.FIRST_COMPLETED)
        graceful = stopped.done()
        if graceful:
            log.info("shutting down")
            await self._drain(work)
        work.cancel()
        stopped.cancel()
        await asyncio.gather(work, stopped, return_exceptions=True)
        failures = [task.exception() for task in (work, *background) if task.done() and not task.cancelled()]
        for failure in filter(None, failures):
            _log_failure(failure)
        await self._close(background)
        return 0 if graceful and not any(failures) else 1

    async def _work(self) -> None:
        """Wait for the caches, then work. Return when all kinds have stopped; raise what ends the process."""
        await self._wait_for_sync()
        async with asyncio.TaskGroup() as group:  # a lost lease cancels all kinds at once
            for worker in self._workers:
                self._workers[worker] = group.create_task(worker.run())

    async def _wait_for_sync(self) -> None:
        informers = self._informers.values()

        async def all_synced() -> None:
            await asyncio.gather(*(informer.synced.wait() for informer in informers))

        try:
            await wait_for(self.clock, SYNC_TIMEOUT.total_seconds(), all_synced())
        except TimeoutError:
            missing = [informer.name for informer in informers if not informer.synced.is_set()]
            raise CannotStart(
                f"no complete list of {', '.join(missing)} within {format_duration(SYNC_TIMEOUT)}: are the CRDs "
                "installed, and does the service account's role allow list and watch?"
            ) from None

    async def _drain(self, work: asyncio.Task[None]) -> None:
        """Let running runs finish; whoever takes longer than their share of the grace period is cancelled."""
        if not any(worker.is_working for worker in self._workers):
            return
        for worker, task in self._workers.items():
            if worker.is_working:
                worker.stop()
            elif task:  # a standby
                task.cancel()
        timer = asyncio.create_task(self.clock.sleep(self._grace * (1 - _FLUSH_SHARE)))
        await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()

    async def _close(self, background: Sequence[asyncio.Task[None]]) -> None:
        """Flush events, release the leases, close everything."""
        try:
            await wait_for(self.clock, self._grace * _FLUSH_SHARE, self._flush())
        except TimeoutError:
            log.info("not all events could be written in time")
        await asyncio.gather(*(worker.release() for worker in self._workers))
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        for close in reversed(self._cleanups):
            await close()
        for server in self.servers.values():
            await server.stop()

    async def _flush(self) -> None:
        await asyncio.gather(*(worker.flush() for worker in self._workers))

    @property
    def _grace(self) -> float:
        return self.options[flags.GRACE_PERIOD].total_seconds()

    def _make_servers(self) -> dict[str, HttpServer]:
        pages: dict[str, tuple[str, Mapping[str, RequestHandler]]] = {
            "debug": (self.options[flags.DEBUG_ADDR], debug.PAGES),
            "health": (self.options[flags.HEALTH_ADDR], {"/healthz": self.liveness, "/readyz": self.readiness}),
            "metrics": (self.options[flags.METRICS_ADDR], {"/metrics": MetricsPage(self.metrics.render, self.clock)}),
        }
        try:
            return {name: HttpServer(address, routes) for name, (address, routes) in pages.items() if address}
        except ValueError as error:
            raise CannotStart(str(error)) from error


def _why_not_ready(informer: Informer[Any]) -> str | None:
    if not informer.synced.is_set():
        return "not listed yet"
    return "no word from the API server for too long" if informer.is_stale() else None


def _listen_fault(error: OSError) -> str:
    """Return what the system says, and of which address: asyncio's text names it."""
    return escape(str(error)) if error.errno else describe(error)


def _log_failure(error: BaseException) -> None:
    """Log what ended the process, with a traceback unless it is an error that names its own cause."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    foreseen = isinstance(error, (CannotStart, LostLeadership))
    log.error("stopping", extra={logkey.ERROR: describe(error)}, exc_info=None if foreseen else error)
