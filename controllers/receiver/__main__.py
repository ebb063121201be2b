"""`python -m controllers.receiver`: the process that registries call."""

import importlib
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from api.names import IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS, RECEIVERS
from api.receiver import Receiver
from controllers.golang.duration import parse_duration
from controllers.hookserver.limits import Limits
from controllers.hookserver.server import HookServer
from controllers.hookserver.sources import Sources
from controllers.hookserver.tlsfiles import BadFiles, TlsFiles
from controllers.net.destinations import Network, parse_networks
from controllers.receiver.automations import Automation, Automations
from controllers.receiver.hooks import Hooks
from controllers.receiver.issuers import IssuerKeys
from controllers.receiver.metrics import HookMetrics
from controllers.receiver.notices import Notices
from controllers.receiver.reconciler import ReceiverReconciler
from controllers.receiver.refresher import Refresher
from controllers.receiver.repositories import BY_PATH, Repositories, Repository, paths_of
from controllers.receiver.secrets import SecretReader, Secrets
from controllers.receiver.service import AutomationWakes, HookService, Receivers
from controllers.receiver.serving import Serving
from controllers.receiver.waker import AUTOMATION, IMAGE_REPOSITORY, Cache, T, Wakeable, Waker
from controllers.runtime.key import Key, key_of
from controllers.runtime.process import flags
from controllers.runtime.process.flags import Flag, at_least, parse_bool, parse_strings
from controllers.runtime.process.httpserver import parse_address
from controllers.runtime.process.kind import Kind
from controllers.runtime.process.main import Program, main
from controllers.runtime.process.process import CannotStart, Process
from controllers.runtime.queue.workqueue import Cause, Lane
from controllers.runtime.reconcile.events import EventRecorder
from controllers.telemetry.objects import show_objects

COMPONENT = "notification-controller"

Flush = Callable[[], Awaitable[None]]


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < 1e6:
        raise ValueError("want a number of requests a second, more than 0")
    return rate


def _delay(text: str) -> timedelta:
    delay = parse_duration(text)
    if delay < timedelta():
        raise ValueError("want 0s or more")
    return delay


RECEIVER_ADDR = Flag("receiverAddr", ":9292", str, "address that hooks are served on")
TLS_CERT_FILE = Flag("tls-cert-file", "", str, "file with the certificate for hooks; empty: plain HTTP")
TLS_KEY_FILE = Flag("tls-key-file", "", str, "file with the key of the certificate")
TRUSTED_PROXIES: Flag[tuple[Network, ...]] = Flag(
    "trusted-proxies",
    (),
    lambda text: parse_networks(parse_strings(text)),
    "networks (CIDR) of proxies whose X-Forwarded-For says whom a request is from; of everybody else it is ignored",
)
HOOK_RATE = Flag(
    "hook-rate", 300.0, _rate, "requests a second from one address to one hook; from all together twice as many"
)
SOURCE_RATE = Flag("source-rate", 100.0, _rate, "requests a second from one address to paths that are no hooks")
MAX_CONNECTIONS = Flag("max-connections", 512, at_least(1), "connections at the same time")
MAX_SOURCE_CONNECTIONS = Flag(
    "max-connections-per-source", 256, at_least(1), "connections at the same time from one address, but trusted proxies"
)
DRAIN_DELAY = Flag(
    "drain-delay", timedelta(seconds=2), _delay, "how long hooks are still served at shutdown, until all have heard"
)
WAKE_AUTOMATIONS = Flag(
    "wake-automations",
    False,
    parse_bool,
    "wake ImageUpdateAutomations when a forge says that code has changed; needs the component receiver-automations",
)

FLAGS: tuple[Flag[Any], ...] = (
    RECEIVER_ADDR,
    TLS_CERT_FILE,
    TLS_KEY_FILE,
    TRUSTED_PROXIES,
    HOOK_RATE,
    SOURCE_RATE,
    MAX_CONNECTIONS,
    MAX_SOURCE_CONNECTIONS,
    DRAIN_DELAY,
    WAKE_AUTOMATIONS,
)


def build(process: Process) -> None:
    """Declare the kind: a Receiver is looked at when it changes, is due, or has a new token."""
    build_hooks(process)


def build_hooks(process: Process) -> Serving:
    """Declare the kind, and return what serves its hooks."""
    receivers = Kind(process, RECEIVERS, into=Receiver, component=COMPONENT)
    hooks = Hooks()
    published: dict[Key, str] = {}

    def learn(receiver: Receiver, secrets: Secrets) -> None:
        """Have a new path published: its token was replaced, and nothing watches Secrets."""
        hooks.learn(receiver, secrets.paths)
        key, path = key_of(receiver), secrets.paths[0]
        if path not in (receiver.status.webhook_path, published.get(key)):
            published[key] = path
            receivers.queue.add(key, Lane.USER, cause=Cause.CHANGE)

    secrets = SecretReader(process.client, process.clock, on_read=learn)
    service, flush = _build_service(process, hooks, receivers.objects, secrets)
    refresher = Refresher(hooks, secrets, service.plan, clock=process.clock)

    def follow(old: Receiver | None, new: Receiver | None) -> None:
        hooks.on_change(old, new)
        service.on_change(old, new)
        refresher.on_change(old, new)
        if new is None and old is not None:
            published.pop(key_of(old), None)

    receivers.objects.add_handler(follow)
    show_objects(process, receivers)
    receivers.reconcile_with(ReceiverReconciler(secrets, service.plan))
    process.add_background(refresher)
    serving = Serving(
        _build_server(process, service),
        clock=process.clock,
        drain_delay=process.options[DRAIN_DELAY],
        flush=flush,
    )
    process.readiness.add("hooks", serving.explain_unready)
    process.add_worker(serving)
    return serving


def _build_service(
    process: Process, hooks: Hooks, receivers: Receivers, secrets: SecretReader
) -> tuple[HookService, Flush]:
    """Return what answers, and what returns when all is written that it has begun."""
    options = process.options
    recorder = EventRecorder(
        process.client,
        component=COMPONENT,
        instance=socket.gethostname(),
        clock=process.clock,
        log=logging.getLogger("controllers.events"),
    )
    process.add_background(recorder)
    metrics = HookMetrics(process.metrics.registry)
    repositories = Repositories(process.informer(IMAGE_REPOSITORIES, into=Repository, indexers={BY_PATH: paths_of}))
    waker = _build_waker(process, repositories, IMAGE_REPOSITORY, metrics)
    automations, automation_waker = None, None
    if options[WAKE_AUTOMATIONS]:
        found = Automations(process.informer(IMAGE_UPDATE_AUTOMATIONS, into=Automation))
        automation_waker = _build_waker(process, found, AUTOMATION, metrics)
        automations = AutomationWakes(found, automation_waker)
    service = HookService(
        hooks=hooks,
        receivers=receivers,
        secrets=secrets,
        repositories=repositories,
        waker=waker,
        automations=automations,
        issuers=lambda: process.share(make_issuers),
        notices=Notices(recorder, process.clock),
        metrics=metrics,
        tracer=process.tracer,
        clock=process.clock,
        allows_others=not (process.watched_namespace or options[flags.NO_CROSS_NAMESPACE_REFS]),
        hook_rate=options[HOOK_RATE],
        source_rate=options[SOURCE_RATE],
    )

    async def flush() -> None:
        await waker.flush()
        if automation_waker is not None:
            await automation_waker.flush()
        await recorder.flush()

    return service, flush


def _build_waker(process: Process, objects: Cache[T], wakeable: Wakeable[T], metrics: HookMetrics) -> Waker[T]:
    return Waker(
        process.client,
        objects,
        wakeable,
        clock=process.clock,
        rng=process.rng,
        metrics=metrics,
        log=logging.getLogger("controllers.receiver"),
        field_manager=COMPONENT,
    )


def make_issuers(process: Process) -> IssuerKeys:
    """Return what fetches keys; its HTTP library is not loaded where no identity token comes."""
    documents = importlib.import_module("controllers.receiver.issuer_documents")
    fetch = documents.IssuerDocuments(process.destinations, user_agent=process.user_agent)
    process.add_cleanup(fetch.aclose)
    return IssuerKeys(fetch, process.clock, logging.getLogger("controllers.receiver"))


def _build_server(process: Process, service: HookService) -> HookServer:
    """Return the server of hooks. Raises CannotStart."""
    options = process.options
    try:
        address = parse_address(options[RECEIVER_ADDR])
    except ValueError as error:
        raise CannotStart(str(error)) from error
    return HookServer(
        address,
        service,
        limits=Limits(connections=options[MAX_CONNECTIONS], connections_per_source=options[MAX_SOURCE_CONNECTIONS]),
        sources=Sources(options[TRUSTED_PROXIES]),
        clock=process.clock,
        tls=_read_tls(process),
    )


def _read_tls(process: Process) -> TlsFiles | None:
    certificate, key = process.options[TLS_CERT_FILE], process.options[TLS_KEY_FILE]
    if bool(certificate) != bool(key):
        raise CannotStart(f"--{TLS_CERT_FILE.name} and --{TLS_KEY_FILE.name} need each other")
    if not certificate:
        return None
    try:
        tls = TlsFiles(certificate, key, clock=process.clock, log=logging.getLogger("controllers.receiver"))
    except BadFiles as error:
        raise CannotStart(str(error)) from None
    process.add_background(tls)
    return tls


PROGRAM = Program("receiver", build, FLAGS)

if __name__ == "__main__":
    sys.exit(main([PROGRAM], sys.argv[1:]))
