"""A Receiver's spec as what serves its hook: checked once for each generation, by whoever needs it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from api.receiver import Receiver, ReceiverResource, ReceiverSpec
from controllers.golang.duration import parse_duration
from controllers.net.foreign_text import sanitize
from controllers.receiver.issuers import is_https_url
from controllers.webhooks.expressions import check_expression
from controllers.webhooks.matching import AUTOMATION, KIND, Resource
from controllers.webhooks.senders.sender import Sender
from controllers.webhooks.senders.table import find_sender
from controllers.webhooks.settings import DEFAULT_AUDIENCE, Provider, SecretData, Settings, Validation
from controllers.webhooks.verdict import Refusal

DEFAULT_INTERVAL: Final = "10m"
SECRET_KEYS: Final[Mapping[str, tuple[str, ...]]] = {"gcr": ("email", "audience")}
"""Keys that the Secret of a type must have besides `token`."""


class SpecRefused(Exception):
    """The spec cannot be served; only another one can help. The text says what to change."""


class UnknownType(SpecRefused):
    """Nothing is known of such a sender."""


class BadExpression(SpecRefused):
    """A CEL expression does not compile, or may cost too much."""


class BadIssuer(SpecRefused):
    """An issuer of tokens whose keys must not be fetched."""


class ForeignResource(SpecRefused):
    """A resource of another namespace, which this process does not allow."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of the resources that may be woken."""

    resource: Resource
    filter: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What serves a hook, without its secrets."""

    type: str
    sender: Sender
    settings: Settings
    """Without secrets and keys."""
    items: tuple[Item, ...]
    """Those that are ImageRepositories."""
    automations: tuple[Item, ...]
    """Those that are ImageUpdateAutomations, where this process wakes them."""
    resource_filter: str
    has_filters: bool
    """Whether choosing what to wake evaluates what a tenant has written."""
    overlap: timedelta
    interval: timedelta
    ignored_kinds: tuple[str, ...]
    """Kinds that are listed, and are not woken here."""

    @property
    def has_expressions(self) -> bool:
        """Whether judging a request evaluates what a tenant has written."""
        settings = self.settings
        return bool(settings.filter or settings.image_expression or settings.tag_expression or settings.providers)

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """Keys that the Secret must have; none where there is no Secret."""
        return () if not self.sender.needs_secret else ("token", *SECRET_KEYS.get(self.sender.type, ()))


def make_plan(receiver: Receiver, *, allows_others: bool, wakes_automations: bool = False) -> Plan:
    """Return what serves a Receiver. Raises SpecRefused, BadDuration.

    allows_others: whether it may name resources of other namespaces
    wakes_automations: whether ImageUpdateAutomations are woken here, besides ImageRepositories
    """
    spec = receiver.spec
    sender = find_sender(spec.type)
    if sender is None:
        raise UnknownType(f"the type {sanitize(spec.type)} is not known, so this receiver serves nothing")
    for expression in _expressions(spec):
        _check_expression(expression)
    for provider in spec.oidc_providers:
        _check_issuer(provider.issuer_url)
    kinds = (KIND, AUTOMATION) if wakes_automations else (KIND,)
    ours = [resource for resource in spec.resources if resource.kind in kinds]
    if not allows_others:
        _check_namespaces(ours, receiver.metadata.namespace)
    return Plan(
        type=spec.type,
        sender=sender,
        settings=_settings(spec),
        items=tuple(_item(resource) for resource in ours if resource.kind == KIND),
        automations=tuple(_item(resource) for resource in ours if resource.kind == AUTOMATION),
        resource_filter=spec.resource_filter,
        has_filters=bool(spec.resource_filter) or any(resource.filter for resource in ours),
        overlap=parse_duration(spec.secret_overlap) if spec.secret_overlap else timedelta(),
        interval=parse_duration(spec.interval or DEFAULT_INTERVAL),
        ignored_kinds=tuple(sorted({resource.kind for resource in spec.resources}.difference(kinds))),
    )


def _expressions(spec: ReceiverSpec) -> Iterator[str]:
    yield from (spec.resource_filter, spec.filter, spec.image, spec.tag)
    yield from (resource.filter for resource in spec.resources)
    for provider in spec.oidc_providers:
        yield from (variable.expression for variable in provider.variables)
        yield from (validation.expression for validation in provider.validations)


def _check_expression(expression: str) -> None:
    try:
        if expression:
            check_expression(expression)
    except Refusal as refusal:
        raise BadExpression(str(refusal)) from None


def _check_issuer(url: str) -> None:
    if not is_https_url(url) or "?" in url:
        raise BadIssuer(f"the issuer {sanitize(url)} is not an https URL: over plain HTTP anybody could be the issuer")


def _check_namespaces(resources: Sequence[ReceiverResource], namespace: str) -> None:
    foreign = next((resource for resource in resources if resource.namespace not in ("", namespace)), None)
    if foreign:
        raise ForeignResource(
            f"cannot access '{foreign.kind}/{foreign.namespace}/{foreign.name}', "
            "cross-namespace references have been blocked"
        )


def _item(resource: ReceiverResource) -> Item:
    return Item(
        Resource(kind=resource.kind, name=resource.name, namespace=resource.namespace, labels=resource.match_labels),
        resource.filter,
    )


def _settings(spec: ReceiverSpec) -> Settings:
    return Settings(
        type=spec.type,
        events=spec.events,
        registry=spec.registry,
        repository=spec.repository,
        providers=tuple(
            Provider(
                provider.issuer_url,
                tuple(Validation(each.expression, each.message) for each in provider.validations),
                provider.audience or DEFAULT_AUDIENCE,
                tuple((variable.name, variable.expression) for variable in provider.variables),
            )
            for provider in spec.oidc_providers
        ),
        filter=spec.filter,
        image_expression=spec.image,
        tag_expression=spec.tag,
    )


def missing_key(plan: Plan, secret: SecretData) -> str:
    """Return the first key that a Secret lacks; empty where it lacks none."""
    return next((key for key in plan.secret_keys if not secret.get(key, b"").strip()), "")
