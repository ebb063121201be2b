"""One kind in a process, as its `__main__` declares it: what is watched, which keys a change wakes, who reconciles.

Each kind has a lease of its own. A process of several kinds and one of a single kind can therefore never both act for
it, and none holds a lease that it does not use. `--concurrent` counts for each kind.
"""

import asyncio
import importlib
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from api.resource import Resource
from controllers.runtime import logkey
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key, KubeObject, key_of
from controllers.runtime.kube.objects import ReconciledObject, Status, is_edit, needs_reconcile
from controllers.runtime.process import flags
from controllers.runtime.process.process import CannotStart, Process
from controllers.runtime.queue.ratelimit import Backoff
from controllers.runtime.queue.workqueue import Cause, Lane, WorkQueue
from controllers.runtime.reconcile.controller import Controller, shares_of
from controllers.runtime.reconcile.events import EventRecorder
from controllers.runtime.reconcile.leader import AlwaysLeader, ElectionConfig, LeaderElector, lease_name
from controllers.runtime.reconcile.lifecycle import Lifecycle
from controllers.runtime.reconcile.run import Reconciler
from controllers.runtime.reconcile.supersede import Superseder

if TYPE_CHECKING:
    from controllers.runtime.process.notification import Notifier

K = TypeVar("K", bound=KubeObject)
T = TypeVar("T", bound=ReconciledObject)
S = TypeVar("S", bound=Status)

log = logging.getLogger("controllers.setup")


class Kind(Generic[T]):
    """A `process.Worker`. Build it, declare its watches, then `reconcile_with`."""

    def __init__(
        self,
        process: Process,
        resource: Resource,
        *,
        into: type[T],
        component: str,
        indexers: Mapping[str, Callable[[T], Iterable[str]]] | None = None,
        host_of: Callable[[T], str] = lambda _: "",
    ) -> None:
        """Build it and add it to the process.

        component: field manager and source of events (`image-reflector-controller`)
        indexers: of `objects`, for what wakes them
        host_of: whom the runs over an object ask, so that one that is slow does not delay the others of its namespace
        Raises CannotStart.
        """
        self.name = resource.kind.lower()
        """Names the lease, the queue and the controller in metrics and logs."""
        self.component = component
        self._process = process
        self.resource = resource
        self.objects = process.informer(
            resource, into=into, label_selector=process.options[flags.WATCH_LABEL_SELECTOR], indexers=indexers
        )
        """The objects of the kind that this process is responsible for."""
        self._host_of = host_of
        self.queue = self._make_queue()
        self._elector = self._make_elector()
        self._leader = self._elector or AlwaysLeader()
        self._notifier = self._make_notifier()
        self._events = EventRecorder(
            process.client,
            component=component,
            instance=socket.gethostname(),
            clock=process.clock,
            log=logging.getLogger("controllers.events"),
            sink=self._notifier,
        )
        self._controller: Controller | None = None
        self.is_working = False
        process.add_background(self._events)
        process.add_worker(self)
        self.objects.add_handler(self._enqueue_changed)

    def watch(
        self,
        informer: Informer[K],
        *,
        when: Callable[[K | None, K | None], bool],
        wake: Callable[[K], Iterable[Key]],
        lane: Lane = Lane.USER,
        delay: Callable[[Key], timedelta] = lambda _: timedelta(),
    ) -> None:
        """Queue the keys that `wake` names for an object, when `when(old, new)` finds its change worth a run.

        delay: how long a key waits, counted from the first change; nothing by default
        """

        def enqueue(old: K | None, new: K | None) -> None:
            obj = new or old
            if obj is not None and when(old, new):
                for key in wake(obj):
                    if wait := delay(key):
                        self.queue.add_after(key, wait, lane)
                    else:
                        self.queue.add(key, lane, cause=Cause.CHANGE)

        informer.add_handler(enqueue)

    def reconcile_with(
        self,
        reconciler: Reconciler[T, S],
        *,
        forget: Callable[[Key], None] | None = None,
        handle_requests_while_suspended: bool = True,
        supersede_runs: bool = False,
        repeat_outdated: bool = False,
        slow_threshold: timedelta | None = None,
    ) -> None:
        """Have `reconciler` run over the objects, with --concurrent workers.

        supersede_runs: a change of the spec ends a run under way, and so does a lack of room for further slow runs; a
            run that began with an old status is repeated; only for reconcilers that may be cut off anywhere
        slow_threshold: see `Controller`; for kinds whose runs mostly wait
        Others: see `Lifecycle`.
        """
        process = self._process
        superseder = Superseder() if supersede_runs else None
        if superseder:
            self.objects.add_handler(superseder.on_change)
        lifecycle = Lifecycle(
            process.client,
            self.resource,
            self.objects,
            reconciler,
            events=self._events,
            clock=process.clock,
            log=logging.getLogger(f"controllers.{self.name}"),
            field_manager=self.component,
            leader=self._leader,
            forget=forget,
            durations=process.metrics.durations.of(self.resource.kind),
            handle_requests_while_suspended=handle_requests_while_suspended,
            superseder=superseder,
            repeat_outdated=supersede_runs or repeat_outdated,
            jitter_percentage=process.options[flags.INTERVAL_JITTER],
            rng=process.rng,
            tracer=process.tracer,
        )
        workers = process.options[flags.CONCURRENT]
        self._controller = Controller(
            self.name,
            lifecycle,
            queue=self.queue,
            workers=workers,
            clock=process.clock,
            metrics=process.metrics.controller(self.name, workers=workers),
            log=logging.getLogger("controllers.runtime"),
            fields={
                logkey.CONTROLLER_GROUP: self.resource.group,
                logkey.CONTROLLER_KIND: self.resource.kind,
            },
            slow_threshold=slow_threshold,
            interrupt=superseder.interrupt if superseder else lambda _: False,
            requeue_dependency=process.options[flags.REQUEUE_DEPENDENCY],
        )

    @property
    def is_idle(self) -> bool:
        """Whether it works and has nothing to do now."""
        return self.is_working and self.queue.is_idle

    async def run(self) -> None:
        """Wait to be elected, then work until `stop`. Raises LostLeadership, in a group."""
        assert self._controller, "reconcile_with was not called"
        if self._elector:
            await self._elector.acquire()
        workers = self._process.options[flags.CONCURRENT]
        log.info("starting workers", extra={logkey.CONTROLLER: self.name, logkey.COUNT: workers})
        self.is_working = True
        async with asyncio.TaskGroup() as group:  # a lost lease cancels the controller at once
            renew = group.create_task(self._elector.renew()) if self._elector else None
            await self._controller.run()
            if renew:
                renew.cancel()

    def stop(self) -> None:
        """Start nothing more; `run` returns when the runs under way are over."""
        self.queue.shut_down()

    async def flush(self) -> None:
        """Return when the events have been written."""
        await self._events.flush()
        if self._notifier:
            await self._notifier.flush()

    async def release(self) -> None:
        """Hand the lease over, if this process holds it."""
        if self._elector:
            await self._elector.release()

    def _enqueue_changed(self, old: T | None, new: T | None) -> None:
        """Queue an object when a change of it is worth a run; objects of the first list queue behind users' changes."""
        obj = new or old
        if obj is not None and needs_reconcile(old, new):
            lane = Lane.USER if self.objects.synced.is_set() else Lane.RESYNC
            self.queue.add(key_of(obj), lane, cause=Cause.EDIT if is_edit(old, new) else Cause.REQUEST)

    def _make_queue(self) -> WorkQueue:
        options = self._process.options
        backoff = Backoff(options[flags.MIN_RETRY_DELAY], options[flags.MAX_RETRY_DELAY])
        series = self._process.metrics.queue(self.name)
        queue = WorkQueue(
            self._process.clock,
            backoff=backoff,
            metrics=series,
            shares=shares_of(self._process.options[flags.CONCURRENT]),
            host_of=self._find_host,
        )
        series.watch(queue)
        return queue

    def _find_host(self, key: Key) -> str:
        obj = self.objects.get(key)
        return self._host_of(obj) if obj is not None else ""

    def _make_elector(self) -> LeaderElector | None:
        process, options = self._process, self._process.options
        if not options[flags.ENABLE_LEADER_ELECTION]:
            return None
        try:
            election = ElectionConfig(
                process.namespace,
                lease_name(f"{self.name}-controller", options[flags.WATCH_LABEL_SELECTOR]),
                lease_duration=options[flags.LEASE_DURATION],
                renew_deadline=options[flags.RENEW_DEADLINE],
                retry_period=options[flags.RETRY_PERIOD],
                release_on_cancel=options[flags.RELEASE_ON_CANCEL],
            )
        except ValueError as error:
            raise CannotStart(str(error)) from error
        return LeaderElector(
            process.client,
            election,
            clock=process.clock,
            rng=process.rng,
            log=logging.getLogger("controllers.leader"),
            observe=process.metrics.observe_leadership(election.name),
        )

    def _make_notifier(self) -> "Notifier | None":
        process = self._process
        address = process.options[flags.EVENTS_ADDR]
        if not address:
            return None
        # Its HTTP library is not loaded by those who send none.
        notification = importlib.import_module("controllers.runtime.process.notification")
        post = notification.HttpPost(address)
        process.add_cleanup(post.close)
        notifier: Notifier = notification.Notifier(
            post,
            component=self.component,
            instance=socket.gethostname(),
            clock=process.clock,
            log=logging.getLogger("controllers.events"),
        )
        process.add_background(notifier)
        return notifier
