"""Identity tokens: JSON Web Tokens that an issuer has signed, of OpenID Connect and of Google.

A token is verified against a JSON Web Key Set that is given as a value; who fetches and refreshes it is somebody else.
Checked are signature, issuer, audience, expiry and start, and then who it is: of Google the e-mail address, of others
the receiver's validations. RFC 7515 (JWS), RFC 7517 (JWK), RFC 7519 (JWT), RFC 8725 (best current practices).
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from controllers.net.foreign_text import sanitize
from controllers.webhooks.authentication import bearer, equals_one_of
from controllers.webhooks.expressions import evaluate, evaluate_bool
from controllers.webhooks.limits import MAX_TOKEN_CHARS
from controllers.webhooks.payload import parse_object
from controllers.webhooks.request import Request, encode
from controllers.webhooks.settings import Provider, Settings
from controllers.webhooks.token_keys import verify
from controllers.webhooks.verdict import FORBIDDEN, Refusal, not_configured, unauthorized

LEEWAY: Final = timedelta(seconds=60)
GOOGLE: Final = "https://accounts.google.com"
GOOGLE_ISSUERS: Final = ("accounts.google.com", GOOGLE)
IDENTITY_TOKEN: Final = "identity token"  # noqa: S105 -- a word for people

Claims = Mapping[str, Any]


def check_google(request: Request, settings: Settings) -> str:
    """Verify the token of a push subscription. Raises Refusal, also where the Secret names no audience or e-mail.

    https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
    """
    emails, audiences = settings.values("email"), settings.values("audience")
    claims = _verify(
        bearer(request),
        settings,
        GOOGLE_ISSUERS,
        [text.decode("utf-8", "replace") for text in audiences],
        request.arrived,
    )
    email = claims.get("email")
    if not isinstance(email, str) or not equals_one_of(encode(email), emails):
        raise Refusal("ForeignToken", "the token is for another e-mail address than the receiver's", FORBIDDEN)
    if claims.get("email_verified") is not True:
        raise Refusal("ForeignToken", "the token's e-mail address is not verified", FORBIDDEN)
    return IDENTITY_TOKEN


def check_oidc(request: Request, settings: Settings) -> str:
    """Verify a token by the provider that has issued it, and its claims by that provider's validations."""
    if not all(provider.validations for provider in settings.providers):
        raise not_configured("each provider needs a validation: a valid signature alone authorizes nobody")
    if not settings.providers:
        raise not_configured("the receiver has no OIDC providers")
    token = bearer(request)
    issuer = _claims(token).get("iss")
    provider = next((provider for provider in settings.providers if provider.issuer == issuer), None)
    if provider is None:
        raise unauthorized("ForeignToken", "the token's issuer is none of the receiver's providers")
    claims = _verify(token, settings, (provider.issuer,), [provider.audience], request.arrived)
    _validate(provider, claims)
    return IDENTITY_TOKEN


def key_name_of(request: Request) -> str:
    """Return the name of the key that a token says it is signed with, empty where it says none. Raises Refusal."""
    kid = _decoded(bearer(request), 0).get("kid")
    return kid if isinstance(kid, str) else ""


def claims_of(request: Request) -> Claims:
    """Return the claims of a token that has been verified."""
    return _claims(bearer(request))


def _validate(provider: Provider, claims: Claims) -> None:
    variables: dict[str, Any] = {}
    for name, expression in provider.variables:
        variables[name] = evaluate(expression, {"claims": claims, "vars": variables})
    failed = [
        validation.message or validation.expression
        for validation in provider.validations
        if not _holds(validation.expression, claims, variables)
    ]
    if failed:
        raise Refusal("ForeignToken", f"the token is not allowed: {sanitize('; '.join(failed))}", FORBIDDEN)


def _holds(expression: str, claims: Claims, variables: Mapping[str, Any]) -> bool:
    """Return whether a validation holds; one that has no value for these claims, such as a missing one, does not."""
    try:
        return evaluate_bool(expression, {"claims": claims, "vars": variables})
    except Refusal as refusal:
        if refusal.reason == "NotConfigured":
            raise
        return False


def _verify(token: str, settings: Settings, issuers: Sequence[str], audiences: Sequence[str], now: datetime) -> Claims:
    keys = [keys for issuer in issuers if (keys := settings.keys.get(issuer))]
    if not keys:
        raise not_configured("the keys of the token's issuer are not known")
    header, claims = _decoded(token, 0), _claims(token)
    signed, _, signature = token.rpartition(".")
    if not any(verify(header, encode(signed), _base64(signature), key_set) for key_set in keys):
        raise unauthorized("InvalidSignature", "the token is not signed by its issuer")
    if claims.get("iss") not in issuers:
        raise unauthorized("ForeignToken", "the token is from another issuer")
    _check_audience(claims, audiences)
    _check_times(claims, now)
    return claims


def _check_audience(claims: Claims, audiences: Sequence[str]) -> None:
    given = claims.get("aud")
    named = given if isinstance(given, list) else [given]
    expected = [encode(audience) for audience in audiences]
    if not any(isinstance(name, str) and equals_one_of(encode(name), expected) for name in named):
        raise unauthorized("ForeignToken", "the token is for another audience")


def _check_times(claims: Claims, now: datetime) -> None:
    # Nothing is added to a claim: it may have hundreds of digits, which can be compared with a float, and no more.
    seconds, leeway = now.timestamp(), LEEWAY.total_seconds()
    expiry, start, issued = (claims.get(name) for name in ("exp", "nbf", "iat"))
    if not isinstance(expiry, int | float) or isinstance(expiry, bool) or expiry <= seconds - leeway:
        raise unauthorized("ExpiredToken", "the token has expired, or does not say when it does")
    for moment in (start, issued):
        if moment is not None and (not isinstance(moment, int | float) or moment > seconds + leeway):
            raise unauthorized("ExpiredToken", "the token is not valid yet")


def _claims(token: str) -> Claims:
    return _decoded(token, 1)


def _decoded(token: str, part: int) -> Claims:
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_TOKEN_CHARS:
        raise unauthorized("InvalidToken", "the Bearer token is not a JSON Web Token")
    try:
        return parse_object(_base64(parts[part]))
    except Refusal:
        raise unauthorized("InvalidToken", "the Bearer token is not a JSON Web Token") from None


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(encode(text) + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise unauthorized("InvalidToken", "the Bearer token is not a JSON Web Token") from None
