"""One process: what it is made of, the order in which that starts, and how it ends.

Start: probes and metrics first, then the caches; when all are filled, leadership; then the workers. A standby
replica therefore has warm caches and becomes active in one step.
End on SIGTERM or SIGINT: nothing new is started, runs may finish within the grace period and are cancelled after it,
events are flushed, the lease is released, exit status 0. A lost lease cancels the runs at once: exit status 1.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlsplit

from api.resource import Resource
from api.version import VERSION
from controllers.golang.duration import format_duration
from controllers.runtime import logkey
from controllers.runtime.cache.informer import Informer
from controllers.runtime.clock import SYSTEM_CLOCK, Clock
from controllers.runtime.deadline import within
from controllers.runtime.key import Key, KubeObject, key_of
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.objects import Object, Status, needs_reconcile
from controllers.runtime.process import flags
from controllers.runtime.process.flags import Options
from controllers.runtime.process.health import HealthChecks, make_loop_check, make_metrics_handler
from controllers.runtime.process.httpserver import HttpServer, RequestHandler
from controllers.runtime.process.looplag import LoopLagMonitor
from controllers.runtime.process.metrics import Metrics
from controllers.runtime.process.notification import HttpPost, Notifier
from controllers.runtime.queue.ratelimit import Backoff
from controllers.runtime.queue.workqueue import Lane, WorkQueue
from controllers.runtime.reconcile.controller import Controller
from controllers.runtime.reconcile.events import EventRecorder
from controllers.runtime.reconcile.leader import (
    AlwaysLeader,
    ElectionConfig,
    Leader,
    LeaderElector,
    LostLeadership,
    lease_name,
)
from controllers.runtime.reconcile.lifecycle import Lifecycle
from controllers.runtime.reconcile.outcome import Outcome
from controllers.runtime.reconcile.run import Reconciler
from controllers.runtime.reconcile.supersede import Superseder

SYNC_TIMEOUT = timedelta(minutes=2)
_FLUSH_SHARE = 0.2  # of the grace period: kept for events and the lease

K = TypeVar("K", bound=KubeObject)
T = TypeVar("T", bound=Object)
S = TypeVar("S", bound=Status)

log = logging.getLogger("controllers.setup")


class CannotStart(Exception):
    """The process cannot do its work; the text says what to fix."""


class Manager:
    """Builds the parts of a process and runs them. `run` once."""

    def __init__(
        self,
        options: Options,
        *,
        name: str,
        component: str,
        config: ClusterConfig,
        clock: Clock = SYSTEM_CLOCK,
        environ: Mapping[str, str] = os.environ,
        rng: Random | None = None,
    ) -> None:
        """Build it; nothing is started.

        name: of the process (`imagerepository`); names the lease
        component: field manager and source of events (`image-reflector-controller`)
        Raises CannotStart.
        """
        self.options = options
        self.name = name
        self.component = component
        self.clock = clock
        self.rng = rng or Random()  # noqa: S311 - spreads load, guards nothing
        self.metrics = Metrics()
        self.namespace = environ.get("RUNTIME_NAMESPACE") or config.namespace
        """Of the process itself."""
        self.watched_namespace = "" if options[flags.WATCH_ALL_NAMESPACES] else self.namespace
        """Empty: all."""
        self.user_agent = f"tagline-{name}/{VERSION}"
        self.client = KubeClient(
            config,
            user_agent=self.user_agent,
            observe=self.metrics.observe_requests(urlsplit(config.server).netloc),
            clock=clock,
        )
        self._elector = self._make_elector()
        self.leader: Leader = self._elector or AlwaysLeader()
        self._notifier = self._make_notifier()
        self.events = EventRecorder(
            self.client,
            component=component,
            instance=socket.gethostname(),
            clock=clock,
            log=logging.getLogger("controllers.events"),
            receiver=self._notifier,
        )
        self._lag = LoopLagMonitor(
            clock, observe=self.metrics.loop_lag.observe, log=logging.getLogger("controllers.runtime")
        )
        self.live, self.ready = HealthChecks(), HealthChecks()
        self.live.add("loop", make_loop_check(self._lag.late))
        self._informers: dict[str, Informer[Any]] = {}
        self._controllers: list[Controller] = []
        self._cleanups: list[Callable[[], Awaitable[None]]] = [self.client.close]
        self._stop = asyncio.Event()
        self._working = False
        self.servers = self._make_servers()

    def informer(
        self,
        resource: Resource,
        *,
        into: type[K],
        own: bool = False,
        transform: Callable[[K], K] | None = None,
        indexers: Mapping[str, Callable[[K], Iterable[str]]] | None = None,
    ) -> Informer[K]:
        """Return a cache that the manager runs. `own`: of the reconciled kind, so --watch-label-selector applies."""
        informer = Informer(
            self.client,
            resource,
            into=into,
            clock=self.clock,
            rng=self.rng,
            namespace=self.watched_namespace if resource.namespaced else "",
            label_selector=self.options[flags.WATCH_LABEL_SELECTOR] if own else "",
            transform=transform,
            indexers=indexers,
        )
        name = f"{resource.plural}.{resource.group}".rstrip(".")
        self._informers[name] = informer
        self.ready.add(name, lambda: _why_not_ready(informer))
        return informer

    def queue(self, name: str) -> WorkQueue:
        """Return a queue with the backoff of the flags and metrics under `name`."""
        backoff = Backoff(self.options[flags.MIN_RETRY_DELAY], self.options[flags.MAX_RETRY_DELAY])
        series = self.metrics.queue(name)
        queue = WorkQueue(self.clock, backoff=backoff, metrics=series)
        series.watch(queue)
        return queue

    def enqueue_primary(self, informer: Informer[T], queue: WorkQueue) -> None:
        """Queue an object of the reconciled kind when a change of it is worth a run.

        What the first list brings is queued in the slow lane, behind what users do meanwhile.
        """

        def enqueue(old: T | None, new: T | None) -> None:
            obj = new or old
            if obj is not None and needs_reconcile(old, new):
                queue.add(key_of(obj), Lane.USER if informer.synced.is_set() else Lane.RESYNC)

        informer.add_handler(enqueue)

    def lifecycle(
        self,
        resource: Resource,
        informer: Informer[T],
        reconciler: Reconciler[T, S],
        *,
        forget: Callable[[Key], None] | None = None,
        handle_requests_while_suspended: bool = True,
        supersede_runs: bool = False,
    ) -> Lifecycle[T, S]:
        """Return the reconcile function of a kind with all that the manager knows filled in.

        supersede_runs: a change of the spec ends a run under way; only for reconcilers that may be cut off anywhere.
        """
        superseder = Superseder() if supersede_runs else None
        if superseder:
            informer.add_handler(superseder.changed)
        return Lifecycle(
            self.client,
            resource,
            informer,
            reconciler,
            events=self.events,
            clock=self.clock,
            log=logging.getLogger(f"controllers.{self.name}"),
            field_manager=self.component,
            leader=self.leader,
            forget=forget,
            durations=self.metrics.durations.of(resource.kind),
            handle_requests_while_suspended=handle_requests_while_suspended,
            superseder=superseder,
            rng=self.rng,
        )

    def controller(
        self,
        name: str,
        reconcile: Callable[[Key], Awaitable[Outcome | None]],
        queue: WorkQueue,
        *,
        resource: Resource,
        slow_threshold: timedelta | None = None,
    ) -> Controller:
        """Return a controller that the manager runs, with --concurrent workers.

        slow_threshold: see `Controller`; for kinds whose runs cost little but time
        """
        workers = self.options[flags.CONCURRENT]
        controller = Controller(
            name,
            reconcile,
            queue=queue,
            workers=workers,
            clock=self.clock,
            metrics=self.metrics.controller(name, workers=workers),
            log=logging.getLogger("controllers.runtime"),
            fields={logkey.CONTROLLER_GROUP: resource.group, logkey.CONTROLLER_KIND: resource.kind},
            slow_threshold=slow_threshold,
        )
        self._controllers.append(controller)
        return controller

    def add_cleanup(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` at the end, before what was registered earlier."""
        self._cleanups.append(callback)

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
            log.error("cannot listen", extra={logkey.ERROR: str(error)})
            return 1
        background = [asyncio.create_task(part.run()) for part in self._runnables()]
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

    def _runnables(self) -> "list[Any]":
        notifier = [self._notifier] if self._notifier else []
        return [self._lag, self.events, *notifier, *self._informers.values()]

    async def _work(self) -> None:
        """Sync, be elected, work. Returns when the controllers have stopped; raises what ends the process."""
        await self._wait_for_sync()
        if self._elector:
            await self._elector.acquire()
        log.info("starting workers", extra={logkey.COUNT: self.options[flags.CONCURRENT]})
        self._working = True
        async with asyncio.TaskGroup() as group:  # a lost lease cancels the controllers at once
            renew = group.create_task(self._elector.renew()) if self._elector else None
            await asyncio.gather(*(group.create_task(controller.run()) for controller in self._controllers))
            if renew:
                renew.cancel()

    async def _wait_for_sync(self) -> None:
        async def all_synced() -> None:
            await asyncio.gather(*(informer.synced.wait() for informer in self._informers.values()))

        try:
            await within(self.clock, SYNC_TIMEOUT.total_seconds(), all_synced())
        except TimeoutError:
            missing = [name for name, informer in self._informers.items() if not informer.synced.is_set()]
            raise CannotStart(
                f"no complete list of {', '.join(missing)} within {format_duration(SYNC_TIMEOUT)}: are the CRDs "
                "installed, and does the service account's role allow list and watch?"
            ) from None

    async def _drain(self, work: asyncio.Task[None]) -> None:
        """Let running runs finish; whoever takes longer than their share of the grace period is cancelled."""
        if not self._working:
            return
        for controller in self._controllers:
            controller.stop()
        timer = asyncio.create_task(self.clock.sleep(self._grace * (1 - _FLUSH_SHARE)))
        await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()

    async def _close(self, background: Sequence[asyncio.Task[None]]) -> None:
        """Flush events, release the lease, close everything."""
        try:
            await within(self.clock, self._grace * _FLUSH_SHARE, self._flush())
        except TimeoutError:
            log.info("not all events could be written in time")
        if self._elector:
            await self._elector.release()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        for close in reversed(self._cleanups):
            await close()
        for server in self.servers.values():
            await server.stop()

    async def _flush(self) -> None:
        await self.events.flush()
        if self._notifier:
            await self._notifier.flush()

    @property
    def _grace(self) -> float:
        return self.options[flags.GRACE_PERIOD].total_seconds()

    def _make_elector(self) -> LeaderElector | None:
        if not self.options[flags.ENABLE_LEADER_ELECTION]:
            return None
        try:
            election = ElectionConfig(
                self.namespace,
                lease_name(f"{self.name}-controller", self.options[flags.WATCH_LABEL_SELECTOR]),
                lease_duration=self.options[flags.LEASE_DURATION],
                renew_deadline=self.options[flags.RENEW_DEADLINE],
                retry_period=self.options[flags.RETRY_PERIOD],
                release_on_cancel=self.options[flags.RELEASE_ON_CANCEL],
            )
        except ValueError as error:
            raise CannotStart(str(error)) from error
        return LeaderElector(
            self.client,
            election,
            clock=self.clock,
            rng=self.rng,
            log=logging.getLogger("controllers.leader"),
            observe=self.metrics.observe_leadership(election.name),
        )

    def _make_notifier(self) -> Notifier | None:
        address = self.options[flags.EVENTS_ADDR]
        if not address:
            return None
        post = HttpPost(address)
        self._cleanups.append(post.close)
        return Notifier(
            post,
            component=self.component,
            instance=socket.gethostname(),
            clock=self.clock,
            log=logging.getLogger("controllers.events"),
        )

    def _make_servers(self) -> dict[str, HttpServer]:
        pages: dict[str, tuple[str, dict[str, RequestHandler]]] = {
            "health": (self.options[flags.HEALTH_ADDR], {"/healthz": self.live, "/readyz": self.ready}),
            "metrics": (self.options[flags.METRICS_ADDR], {"/metrics": make_metrics_handler(self.metrics.render)}),
        }
        try:
            return {name: HttpServer(address, routes) for name, (address, routes) in pages.items() if address}
        except ValueError as error:
            raise CannotStart(str(error)) from error


def _why_not_ready(informer: Informer[Any]) -> str | None:
    if not informer.synced.is_set():
        return "not listed yet"
    return "no word from the API server for too long" if informer.is_stale() else None


def _log_failure(error: BaseException) -> None:
    """Log what ended the process; only what nobody foresaw with its traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    foreseen = isinstance(error, (CannotStart, LostLeadership))
    log.error("stopping", extra={logkey.ERROR: str(error)}, exc_info=None if foreseen else error)
