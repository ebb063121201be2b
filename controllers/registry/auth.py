"""What a registry demands before it answers, and which token meets that. Decisions only; `session` sends the requests.

Follows https://distribution.github.io/distribution/spec/auth/token/ and RFC 9110 section 11 as go-containerregistry
does: of several challenges the first that is Basic or Bearer counts; an identity token goes to the token service as an
OAuth2 refresh token; tokens without a lifetime live 60 seconds.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import msgspec

from controllers.image.reference import Image
from controllers.net.destinations import normalize_host
from controllers.net.foreign_text import sanitize
from controllers.net.headers import basic_authorization
from controllers.net.url import redact_text
from controllers.registry.access import Access
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import BadResponse
from controllers.registry.messages import RegistryRequest

DEFAULT_LIFETIME = timedelta(seconds=60)
MAX_LIFETIME = timedelta(hours=1)
MAX_TOKEN_CHARS = 16_384
MAX_CHALLENGE_CHARS = 8_192
ANONYMOUS = Access()

# Possessive throughout: a header of somebody else must not make the expression try things twice.
SCHEME = re.compile(r"\s*+([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*+)(?:\s++|,|$)")
PARAMETER = re.compile(r'\s*+([A-Za-z0-9_-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))(?:\s*+(?:,|$)|\s++)')
"""A comma ends a parameter; some registries write only a blank."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for. Scheme is `basic`, `bearer`, "" for nothing, or one that we do not know."""

    scheme: str = ""
    realm: str = ""
    service: str = ""
    scope: str = field(default="", compare=False)
    """Of one request; what is negotiated with a registry does not depend on it."""


NO_CHALLENGE = Challenge()


@dataclass(frozen=True, slots=True)
class BearerToken:
    value: str = field(repr=False)
    lifetime: timedelta

    def renew_after(self) -> timedelta:
        """Return when to ask for the next one, counted from the request: a tenth of its life early, at most 30 s."""
        return self.lifetime - min(self.lifetime / 10, timedelta(seconds=30))


class TokenResponse(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The key of a cached token: nobody gets one that they could not have asked for themselves, over the same route."""

    registry: str
    challenge: Challenge
    scope: str
    access: Access


def parse_challenge(headers: Iterable[str]) -> Challenge:
    """Return the first challenge of `WWW-Authenticate` headers that we can meet, else the first, else NO_CHALLENGE."""
    challenges = [challenge for header in headers for challenge in _challenges(header[:MAX_CHALLENGE_CHARS])]
    usable = (challenge for challenge in challenges if challenge.scheme in {"basic", "bearer"})
    return next(usable, challenges[0] if challenges else NO_CHALLENGE)


def _challenges(header: str) -> Iterable[Challenge]:
    at = 0
    while scheme := SCHEME.match(header, at):
        at, parameters = scheme.end(), {}
        while parameter := PARAMETER.match(header, at):
            at = parameter.end()
            quoted, plain = parameter[2], parameter[3]
            parameters[parameter[1].lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        yield Challenge(
            scheme[1].lower(), parameters.get("realm", ""), parameters.get("service", ""), parameters.get("scope", "")
        )


def format_scope(image: Image) -> str:
    return f"repository:{image.repository}:pull"


def basic_header(credentials: Credentials | None) -> dict[str, str]:
    """Return the header of Basic authentication; none without a user name or password."""
    if credentials is None or not (credentials.username or credentials.password):
        return {}
    return {"Authorization": basic_authorization(credentials.username, credentials.password)}


def answer_basic(credentials: Credentials | None) -> dict[str, str]:
    """Return the header for a registry that asks for Basic authentication; a token for it is sent as what it is."""
    if credentials is not None and credentials.registry_token:
        return bearer_header(credentials.registry_token)
    return basic_header(credentials)


def bearer_header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def build_token_request(
    image: Image,
    challenge: Challenge,
    credentials: Credentials | None,
    *,
    registry_scheme: str,
    client_id: str,
    scopes: Sequence[str],
    access: Access = ANONYMOUS,
) -> RegistryRequest:
    """Return the request for a token from the registry of `image`; whose credentials they may be is decided before.

    access: where plain HTTP is allowed; its `insecure` counts for the host of `image` alone. Raises BadResponse for a
    realm that credentials must not go to: a registry reached by HTTPS cannot send them over plain HTTP to a host where
    that is not allowed.
    """
    realm = _checked_realm(image, challenge, credentials, registry_scheme, access)
    service = challenge.service or image.registry
    if credentials and credentials.identity_token:
        form = {
            "client_id": client_id,
            "grant_type": "refresh_token",
            "refresh_token": credentials.identity_token,
            "scope": " ".join(scopes),
            "service": service,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return RegistryRequest("POST", realm, headers, urlencode(form).encode())
    query = urlencode([*(("scope", scope) for scope in scopes), ("service", service)])
    return RegistryRequest("GET", f"{realm}{'&' if '?' in realm else '?'}{query}", basic_header(credentials))


def realm_host(image: Image, challenge: Challenge) -> str:
    """Return the host of a challenge's token service. Raises BadResponse for a realm that is not one."""
    realm = challenge.realm
    if not realm:
        raise BadResponse(f"{image.registry}: malformed www-authenticate, missing realm")
    try:
        parts = urlsplit(realm)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.fragment:
        raise BadResponse(
            f"{image.registry}: malformed www-authenticate, realm is no URL of a token service: "
            f"{sanitize(redact_text(realm))}"
        )
    return host


def _checked_realm(
    image: Image, challenge: Challenge, credentials: Credentials | None, registry_scheme: str, access: Access
) -> str:
    host, parts = realm_host(image, challenge), urlsplit(challenge.realm)
    service = Image(parts.netloc, "")
    is_own = normalize_host(host) == normalize_host(image.registry)
    is_allowed = access.allows_http(service) if is_own else access.allows_http_elsewhere(service)
    in_plain_text = parts.scheme == "http" and registry_scheme == "https"
    if in_plain_text and has_secret(credentials) and not is_allowed:
        realm = sanitize(redact_text(challenge.realm))
        raise BadResponse(f"{image.registry}: token service at {realm} would get the credentials in plain text")
    return challenge.realm


def has_secret(credentials: Credentials | None) -> bool:
    """Return True when a token service learns who we are."""
    return credentials is not None and bool(credentials.identity_token or credentials.password or credentials.username)


def parse_token(url: str, body: bytes) -> BearerToken:
    """Return the token of a token service's answer. Raises BadResponse; `url` is for its text."""
    try:
        answer = msgspec.json.decode(body, type=TokenResponse, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadResponse(f"{url}: token service did not answer with a token in JSON") from None
    value = (answer.token or answer.access_token or "").strip()
    if not value:
        raise BadResponse(f"{url}: no token in bearer response")
    if len(value) > MAX_TOKEN_CHARS or not value.isascii() or not value.isprintable():
        raise BadResponse(f"{url}: token in bearer response is not fit for a header")
    seconds = answer.expires_in or 0
    lifetime = timedelta(seconds=min(seconds, MAX_LIFETIME.total_seconds())) if seconds > 0 else DEFAULT_LIFETIME
    return BearerToken(value, max(lifetime, DEFAULT_LIFETIME))
