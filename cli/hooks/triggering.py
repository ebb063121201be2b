"""From the flags of `trigger receiver` to a request that is ready to be sent."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from api.names import RECEIVERS, SECRETS
from cli.fields import mapping, text
from cli.grammar.session import Failed, Session
from cli.hooks import identity, inputs
from cli.hooks.order import OIDC, Order
from cli.hooks.samples import JSON, Push, Sample, make_sample
from cli.hooks.sending import Hook
from cli.hooks.signing import IDENTITY_TOKENS, sign
from controllers.image.reference import BadReference, parse_image
from controllers.webhooks.hook_path import hook_path
from controllers.webhooks.settings import SecretData

GENERIC: Final = "generic"
TOKEN_IN_CURL: Final = "$TOKEN"  # noqa: S105 -- stands for it
_NO_URL: Final = "https://HOST"


@dataclass(frozen=True, slots=True)
class _Receiver:
    """What is known of the Receiver."""

    type: str
    path: str = field(repr=False)
    secret: SecretData = field(repr=False)


def make_hook(session: Session, order: Order) -> tuple[Hook, str]:
    """Return the request and the Receiver's namespace. Raises Failed, ApiError."""
    _check(order)
    namespace = session.exported_namespace if order.is_offline else session.namespace
    receiver = _from_flags(session, order, namespace) if order.is_offline else _from_cluster(session, order, namespace)
    sender = inputs.sender_of([receiver.type], usage="--type")
    sample = Sample({}, {}) if order.payload else make_sample(sender.type, _push(order))
    body = order.payload.encode() if order.payload else sample.body
    token = identity.find(session, order) if sender.type in IDENTITY_TOKENS else ""
    headers = {"Content-Type": JSON, **sample.headers, **sign(sender.type, body, receiver.secret, token)}
    return Hook(order.url or _NO_URL, receiver.path, headers, body), namespace


def _check(order: Order) -> None:
    if order.token and (order.token_env or order.secret_file):
        raise Failed("--token, --token-env and --secret-file exclude each other")
    if order.url and urlsplit(order.url).scheme not in ("https", "http"):
        raise Failed(f"--url must begin with https://, not {order.url.partition(':')[0]}")
    if order.payload and (order.image or order.tag or order.digest):
        raise Failed("--payload is sent as it is: leave out --image, --tag and --digest")
    if (order.tag or order.digest) and not order.image:
        raise Failed("--tag and --digest need --image")
    if order.retries < 0:
        raise Failed("--retries must be 0 or more")
    if order.type == OIDC and (order.token or order.token_env or order.secret_file):
        raise Failed("--token must not be set for --type=generic-oidc, the Receiver of this type has no secret")


def _from_flags(session: Session, order: Order, namespace: str) -> _Receiver:
    secret = {"token": order.token.encode()} if order.token else {}
    secret = dict(secret or inputs.secret_of(order.secret_file, order.token_env, session.environ))
    kind = order.type or GENERIC
    path = hook_path(b"" if kind == OIDC else secret.get("token", b""), order.name, namespace)
    return _Receiver(kind, path, secret)


def _from_cluster(session: Session, order: Order, namespace: str) -> _Receiver:
    obj = session.cluster.get(RECEIVERS, namespace, order.name)
    path = text(obj, "status", "webhookPath")
    if not path:
        raise Failed(
            f"Receiver {namespace}/{order.name} has no path yet: see `{session.program} get receivers -n {namespace}`"
        )
    name = text(obj, "spec", "secretRef", "name")
    data = mapping(session.cluster.get(SECRETS, namespace, name), "data") if name else {}
    return _Receiver(order.type or text(obj, "spec", "type"), path, _decoded(name, data))


def _decoded(name: str, data: Mapping[str, Any]) -> SecretData:
    try:
        return {key: base64.b64decode(value) for key, value in data.items()}
    except (binascii.Error, ValueError, TypeError):
        raise Failed(f"Secret {name} cannot be read") from None


def _push(order: Order) -> Push | None:
    if not order.image:
        return None
    try:
        image = parse_image(order.image)
    except BadReference as error:
        raise Failed(f"--image: {error}") from None
    return Push(
        host=image.registry,
        repository=image.repository,
        tag=order.tag,
        digest=order.digest,
        id=secrets.token_hex(16),
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
