"""Anything else: what a payload means is said in CEL. Three types, which differ in how the sender is known.

Without an expression for the image, a request that passes the filter wakes all that the Receiver lists, as in Flux.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_hmac, check_path
from controllers.webhooks.expressions import evaluate_bool, evaluate_texts
from controllers.webhooks.identity_tokens import check_oidc, claims_of
from controllers.webhooks.payload import parse
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Notice, malformed

_SECRET_HEADERS: Final = frozenset(("authorization", "cookie", "proxy-authorization"))


def _load(document: bytes) -> Any:
    return parse(document) if document.strip() else {}


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    return _evaluate(payload, request, settings, {})


def _read_with_claims(payload: Any, request: Request, settings: Settings) -> Notice:
    claims = claims_of(request) if request.header("Authorization") else {}  # verified before, or on one's own machine
    return _evaluate(payload, request, settings, claims)


def _evaluate(payload: Any, request: Request, settings: Settings, claims: Mapping[str, Any]) -> Notice:
    headers = {name.lower(): value for name, value in request.headers if name.lower() not in _SECRET_HEADERS}
    known = {"req": payload, "headers": headers, "claims": claims}
    delivery = Delivery(request.header("X-Delivery-Id") or request.header("Ce-Id"))
    if settings.filter and not evaluate_bool(settings.filter, known):
        return Notice((nothing("the filter is false"),), delivery)
    if not settings.image_expression:
        return Notice((Event(Action.PUSH, wakes_all=True),), delivery)
    images = evaluate_texts(settings.image_expression, known)
    tags = evaluate_texts(settings.tag_expression, known) if settings.tag_expression else []
    if not images:
        return Notice((nothing("the expression for the image is empty"),), delivery)
    return Notice(tuple(event for image in images for event in _events(image, tags)), delivery)


def _events(image: str, tags: Sequence[str]) -> list[Event]:
    name, tag, digest = names.docker_reference(image)
    if not name.repository:
        raise malformed("the expression for the image does not name one")
    return [names.push(name, tag=given, digest=digest) for given in tags or [tag]]


def _check_signature(request: Request, settings: Settings) -> str:
    return check_hmac(request, settings, headers=("X-Signature",))


_CEL_NOTE = (
    "Say in CEL what counts and what the image is: `req` is the payload, `headers` are the headers, in lower case. "
    "Without an expression for the image all that the Receiver lists is woken."
)

GENERIC = Sender(
    type="generic",
    title="Anything, known by the path alone",
    authenticate=check_path,
    load=_load,
    read=_read,
    setup=Setup(
        where="the sender",
        steps=("POST JSON to {url}",),
        needs="`token`, of which the path is made; optionally `password`, sent as Bearer or as ?token=",
        verified="the path alone, and the password if the Secret has one",
        notes=(_CEL_NOTE, "Where the sender can sign, generic-hmac is safer."),
    ),
)
GENERIC_HMAC = Sender(
    type="generic-hmac",
    title="Anything that signs with a shared key",
    authenticate=_check_signature,
    load=_load,
    read=_read,
    setup=Setup(
        where="the sender",
        steps=(
            "POST JSON to {url}",
            "Header X-Signature: sha256=HMAC of the body with {secret}, in hexadecimal digits",
        ),
        needs="`token`: the key",
        verified="X-Signature: HMAC with SHA-256 or SHA-512 over the body; SHA-1 is not taken",
        notes=(_CEL_NOTE,),
    ),
)
GENERIC_OIDC = Sender(
    type="generic-oidc",
    title="Anything that has an OpenID Connect identity, such as a CI job",
    authenticate=check_oidc,
    load=_load,
    read=_read_with_claims,
    uses_tokens=True,
    needs_secret=False,
    setup=Setup(
        where="the sender, such as a job of GitHub Actions or GitLab CI",
        steps=("POST JSON to {url}", "Header Authorization: Bearer TOKEN, for the audience of the provider"),
        needs="no Secret: the token is enough",
        verified="the token: the issuer's signature, audience, expiry, and your validations of its claims",
        notes=(
            _CEL_NOTE,
            (
                "A valid signature authorizes nobody: name your organization or project in a validation, such as "
                "claims.repository_owner == 'my-org'."
            ),
        ),
    ),
)
