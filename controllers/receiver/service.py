"""From a request to an answer: which hook it is for, who sent it, what it says, what that wakes.

An unknown path costs what a known one with a wrong signature costs: the Secret of some Receiver is read, the body is
judged by it, and the verdict is thrown away.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from api.receiver import Receiver
from controllers.clock import Clock
from controllers.golang.duration import BadDuration
from controllers.hookserver.answer import Answer
from controllers.hookserver.head import Head
from controllers.receiver import answers
from controllers.receiver.automations import Automation, Automations, choose_automations
from controllers.receiver.deliveries import Deliveries
from controllers.receiver.hooks import Hooks
from controllers.receiver.issuers import IssuerKeys
from controllers.receiver.metrics import HookMetrics
from controllers.receiver.notices import Notices
from controllers.receiver.plan import Plan, SpecRefused, make_plan
from controllers.receiver.rates import Rates
from controllers.receiver.repositories import Pushed, Repositories, Repository, choose, list_pushed
from controllers.receiver.secrets import SecretReader, Secrets, SecretUnusable
from controllers.receiver.waker import NotWoken, Tags
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.tracing import Tracer
from controllers.threads import FairThreads, Share
from controllers.webhooks.hook_path import find_path
from controllers.webhooks.identity_tokens import GOOGLE, claims_of, key_name_of
from controllers.webhooks.judge import judge
from controllers.webhooks.matching import Subject, Wake
from controllers.webhooks.replay import Freshness
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Refusal, Refused

INLINE_BYTES: Final = 32 << 10
INLINE_ITEMS: Final = 300
"""A body of so many bytes and items is judged on the event loop: that takes a few milliseconds at most. Items cost more
than bytes do: 30 kB of empty events take a hundred."""
INLINE_STEPS: Final = 500
"""Events, and objects by the resources that may list them: so many take less than a millisecond, too."""
THREADS: Final = 4
OWNER_THREADS: Final = 2
STRANGERS: Final = ""
"""Whose threads requests to unknown paths take: none of the namespace whose Receiver stands in."""
T = TypeVar("T")

NO_HOOK: Final = Settings(type="generic-hmac", secrets=({"token": b"there is no receiver"},))


class Receivers(Protocol):
    """What is needed of the informer of Receivers."""

    @property
    def is_behind(self) -> bool: ...

    async def find(self, key: Key) -> Receiver | None: ...


class Wakes(Protocol):
    """What is needed of `waker.Waker`."""

    async def wake(self, key: Key, tags: Tags, *, trace: str) -> None: ...


@dataclass(frozen=True, slots=True)
class AutomationWakes:
    """What is needed to wake automations."""

    automations: Automations
    waker: Wakes


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a request wakes."""

    wakes: tuple[Wake, ...]
    """Of ImageRepositories."""
    automations: tuple[Subject, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether it concerns no object."""
        return not (self.wakes or self.automations)


@dataclass(frozen=True, slots=True)
class Hook:
    """A Receiver, and what serves it."""

    receiver: Receiver
    plan: Plan
    secrets: Secrets


class HookService:
    """An `answer.Application`. Used from one event loop."""

    def __init__(
        self,
        *,
        hooks: Hooks,
        receivers: Receivers,
        secrets: SecretReader,
        repositories: Repositories,
        waker: Wakes,
        automations: AutomationWakes | None,
        issuers: Callable[[], IssuerKeys],
        notices: Notices,
        metrics: HookMetrics,
        tracer: Tracer,
        clock: Clock,
        allows_others: bool,
        hook_rate: float,
        source_rate: float,
    ) -> None:
        """Build it.

        automations: None where none is woken
        issuers: called for the first token; allows_others: whether Receivers may name resources of other namespaces
        hook_rate: requests a second from one address to one hook; from all together it may be twice as many
        source_rate: requests a second from one address to paths that are no hooks
        """
        self._hooks = hooks
        self._receivers = receivers
        self._secrets = secrets
        self._repositories = repositories
        self._waker = waker
        self._automations = automations
        self._issuers = issuers
        self._notices = notices
        self._metrics = metrics
        self._tracer = tracer
        self._clock = clock
        self._allows_others = allows_others
        self._hook_rates, self._hook_source_rates = Rates(2 * hook_rate), Rates(hook_rate)
        self._source_rates = Rates(source_rate)
        self._deliveries = Deliveries()
        self._plans: dict[str, tuple[int, Plan | Exception]] = {}
        self._threads = FairThreads(THREADS, name="hooks")

    def admit(self, head: Head, *, source: str) -> Answer | None:
        if head.method != "POST":
            return answers.METHOD_NOT_ALLOWED
        now = self._clock.monotonic()
        found = self._hooks.find(head.path)
        if not found:
            return None if self._source_rates.allow(source, now) else answers.SOURCE_RATE
        uid = found[0].metadata.uid
        # Of the two, that of the address first: what it has too many of is not counted against all.
        allowed = self._hook_source_rates.allow((uid, source), now) and self._hook_rates.allow(uid, now)
        return None if allowed else replace(answers.HOOK_RATE, type=found[0].spec.type)

    async def answer(self, request: Request) -> Answer:
        found = self._hooks.find(request.path)
        if not found:
            return await self._answer(request, None)
        given = [await self._answer(request, receiver) for receiver in found]
        return next((answer for answer in given if answer.is_success), given[0])

    async def _answer(self, request: Request, known: Receiver | None) -> Answer:
        """Return the answer of one Receiver that may have the path, or to a path that none has."""
        receiver = known or self._hooks.stand_in(self._clock.monotonic())
        if receiver is None:
            judge(request, NO_HOOK)
            return self._not_found()
        try:
            hook = await self._load(receiver)
        except ApiError:
            return answers.api_unavailable(known.spec.type) if known else answers.API_UNAVAILABLE
        except (SecretUnusable, SpecRefused, BadDuration) as error:
            return self._unusable(known, str(error)) if known else self._not_found()
        is_known = find_path(request.path, hook.secrets.paths) is not None
        if is_known and receiver.spec.suspend:
            return answers.suspended(hook.plan.type)
        verdict = await self._judge(request, hook, owner=receiver.metadata.namespace if is_known else STRANGERS)
        if not is_known:
            return self._not_found()
        if isinstance(verdict, Refused):
            self._notices.refused(receiver, status=verdict.status, reason=verdict.reason, message=verdict.message)
            return answers.refused(verdict, hook.plan.type)
        return await self._act(request, hook, verdict)

    def _not_found(self) -> Answer:
        """Return the answer to a path that no hook has: who hears that it is wrong may never call again."""
        return answers.API_UNAVAILABLE if self._receivers.is_behind else answers.NOT_FOUND

    def record(self, answer: Answer, *, seconds: float) -> None:
        sender = answer.type or answers.NO_TYPE
        self._metrics.requests.labels(sender, str(answer.status), answer.reason).inc()
        self._metrics.seconds.labels(sender).observe(seconds)

    def on_change(self, old: Receiver | None, new: Receiver | None) -> None:
        """Forget what was made of Receivers that are gone; called for every change of one."""
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._plans.pop(old.metadata.uid, None)

    def plan(self, receiver: Receiver) -> Plan:
        """Return what serves a Receiver. Raises SpecRefused, BadDuration."""
        uid, generation = receiver.metadata.uid, receiver.metadata.generation
        known = self._plans.get(uid)
        if known is None or known[0] != generation:
            known = self._plans[uid] = (generation, self._make_plan(receiver))
        if isinstance(known[1], Exception):
            raise known[1]
        return known[1]

    def _make_plan(self, receiver: Receiver) -> Plan | Exception:
        try:
            return make_plan(
                receiver, allows_others=self._allows_others, wakes_automations=self._automations is not None
            )
        except (SpecRefused, BadDuration) as error:
            return error.with_traceback(None)

    async def _load(self, receiver: Receiver) -> Hook:
        plan = self.plan(receiver)
        return Hook(receiver, plan, await self._secrets.read(receiver, plan))

    def _unusable(self, receiver: Receiver, message: str) -> Answer:
        self._notices.refused(receiver, status=503, reason="NotConfigured", message=message)
        return answers.not_configured(receiver.spec.type)

    async def _judge(self, request: Request, hook: Hook, *, owner: str) -> Accepted | Refused:
        keys = await self._keys(request, hook) if hook.plan.sender.uses_tokens else {}
        settings = replace(hook.plan.settings, secrets=hook.secrets.data, keys=keys)
        if _is_small(request) and not hook.plan.has_expressions:
            return judge(request, settings)
        return await self._run(owner, lambda: judge(request, settings))

    async def _run(self, owner: str, work: Callable[[], T]) -> T:
        return await self._threads.run(work, Share("all", THREADS), Share(("owner", owner), OWNER_THREADS))

    async def _keys(self, request: Request, hook: Hook) -> Mapping[str, Any]:
        """Return the keys of the issuer that a token names, if it is one of the Receiver's."""
        try:
            issuer, key_name = claims_of(request).get("iss"), key_name_of(request)
        except Refusal:  # no token: the verdict says so
            return {}
        trusted = [provider.issuer for provider in hook.plan.settings.providers] or [GOOGLE]
        asked = next((name for name in trusted if name == issuer), GOOGLE if trusted == [GOOGLE] else "")
        if not asked:
            return {}
        found = await self._issuers().find(asked, owner=hook.receiver.metadata.namespace, key_name=key_name)
        return {} if found is None else {asked: found}

    async def _act(self, request: Request, hook: Hook, verdict: Accepted) -> Answer:
        uid, now, sender = hook.receiver.metadata.uid, request.arrived, hook.plan.type
        freshness = self._deliveries.check(uid, verdict.delivery, now=now)
        if freshness is not Freshness.FRESH:
            return answers.not_fresh(freshness, sender)
        chosen = await self._choose(hook, verdict)
        if chosen.is_nothing and self._is_behind():
            looked = await self._look_again(hook, verdict)
            if looked is None:
                return answers.api_unavailable(sender)
            chosen = looked
        try:
            await self._wake(chosen, hook)
        except NotWoken as error:
            self._notices.refused(
                hook.receiver, status=503, reason=answers.API_UNAVAILABLE.reason, message=f"not woken: {error}"
            )
            return answers.api_unavailable(sender)
        if chosen.is_nothing:
            # Not acted on: who mends the Receiver may have the delivery sent again.
            return answers.nothing_to_wake(sender)
        self._deliveries.remember(uid, verdict.delivery, now=now)
        return answers.woken(sender)

    def _is_behind(self) -> bool:
        """Return whether the server may have objects that are not known here: a watch is broken."""
        caches = [self._receivers, self._repositories, *([self._automations.automations] if self._automations else ())]
        return any(cache.is_behind for cache in caches)

    async def _look_again(self, hook: Hook, verdict: Accepted) -> Chosen | None:
        """Return what a request wakes by what the server has now; None where that is not known yet.

        What a sender is told to concern nobody it does not send again, and the tag would wait for the next scan.
        """
        before = hook.receiver.metadata
        try:
            receiver = await self._receivers.find(key_of(hook.receiver))
            if receiver is None or (receiver.metadata.uid, receiver.metadata.generation) != (
                before.uid, before.generation,
            ):  # fmt: skip
                return None  # it was judged by what does not hold any more
            return await self._choose(hook, verdict, now=True)
        except ApiError:
            return None

    async def _choose(self, hook: Hook, verdict: Accepted, *, now: bool = False) -> Chosen:
        """Return what a request wakes. Raises ApiError where `now` asks for what the server has."""
        namespace, plan, others = hook.receiver.metadata.namespace, hook.plan, self._allows_others
        events = verdict.events
        is_long = len(events) > INLINE_STEPS
        pushed = await self._run(namespace, lambda: list_pushed(events)) if is_long else list_pushed(events)
        images, code = await self._candidates(hook, verdict, pushed, now=now)

        def work() -> Chosen:
            return Chosen(
                choose(verdict, images, plan, namespace=namespace, allows_others=others),
                choose_automations(verdict, code, plan, namespace=namespace, allows_others=others),
            )

        steps = len(events) + len(images) * (1 + len(plan.items)) + len(code) * (1 + len(plan.automations))
        return await self._run(namespace, work) if plan.has_filters or steps > INLINE_STEPS else work()

    async def _candidates(
        self, hook: Hook, verdict: Accepted, pushed: Pushed, *, now: bool
    ) -> tuple[list[Repository], list[Automation]]:
        plan, namespace = hook.plan, hook.receiver.metadata.namespace
        automations = self._automations.automations if self._automations else None
        if now:
            images = await self._repositories.candidates_now(pushed, plan, namespace)
            return images, await automations.candidates_now(verdict, plan, namespace) if automations else []
        images = self._repositories.candidates(pushed, plan, namespace)
        return images, automations.candidates(verdict, plan, namespace) if automations else []

    async def _wake(self, chosen: Chosen, hook: Hook) -> None:
        """Wake all, and wait for all. Raises NotWoken, after the last one, when any was not woken."""
        meta = hook.receiver.metadata
        attributes = {"k8s.namespace.name": meta.namespace, "tagline.name": meta.name, "tagline.sender": hook.plan.type}
        with self._tracer.span("webhook", attributes=attributes) as span:
            waking = [
                self._waker.wake(
                    Key(wake.subject.namespace, wake.subject.name),
                    dict(zip(wake.tags, wake.digests, strict=True)),
                    trace=span.trace_parent,
                )
                for wake in chosen.wakes
            ]
            if self._automations:
                waker = self._automations.waker
                waking += [waker.wake(Key(one.namespace, one.name), {}, trace="") for one in chosen.automations]
            done = await asyncio.gather(*waking, return_exceptions=True)
            for failure in done:
                if isinstance(failure, BaseException):
                    raise failure


def _is_small(request: Request) -> bool:
    """Return whether a body is judged soon, whatever it holds: each item of JSON but the first is behind a comma."""
    body = request.body
    return len(body) <= INLINE_BYTES and not request.is_compressed and body.count(b",") <= INLINE_ITEMS
