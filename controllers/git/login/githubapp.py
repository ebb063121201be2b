"""GitHub Apps: from an app's private key to a token that Git takes as a password. Blocking; tokens are cached.

The app proves its identity with a JWT (RS256) and gets a token of one installation, good for an hour. Follows
https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app.
"""

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from cachetools import LRUCache
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from controllers.git.errors import (
    AuthenticationFailed,
    BadCredentials,
    ProtocolError,
    Unreachable,
    error_context,
)
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.wire import AGENT
from controllers.git.remote import Basic, Remote
from controllers.git.sshkeys import BadPrivateKey, load_private_key
from controllers.git.transport.httppools import HttpPools, is_answer_of, translate_errors
from controllers.net.credential import is_token
from controllers.net.destinations import Destinations
from controllers.net.foreign_text import sanitize
from controllers.net.headers import parse_retry_after
from controllers.net.key_bounds import KeyRefused
from controllers.net.library_errors import describe
from controllers.net.redaction import redact

T = TypeVar("T")

PUBLIC_API_URL = "https://api.github.com"
USER = "x-access-token"
SKEW_SECONDS, VALID_SECONDS = 30, 120
RENEW_BEFORE = timedelta(minutes=5)
MAX_CACHED_TOKENS = 256
MAX_ANSWER_BYTES = 1 << 20
MAX_PAGES = 50
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class GithubApp:
    """An app at one of its installations, given by id or by the account that it is installed for."""

    id: str
    private_key: str = field(repr=False)
    installation: str = ""
    owner: str = ""
    url: str = PUBLIC_API_URL
    """Of the API, without a slash at the end."""

    @property
    def principal(self) -> str:
        """The identity behind all its tokens."""
        return f"github-app/{self.id}/{self.installation or self.owner}"


class Account(msgspec.Struct):
    """The account that an app is installed for."""

    login: str = ""


class Installation(msgspec.Struct):
    """An entry in the list of an app's installations."""

    id: int
    account: Account | None = None


class InstallationToken(msgspec.Struct):
    """What GitHub answers to a request for a token."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"InstallationToken(expires_at={self.expires_at})"


@dataclass(frozen=True, slots=True)
class _Api:
    """The API of an app's GitHub, and the host of the repository that it is asked for."""

    app: GithubApp
    remote: Remote
    home: str

    @property
    def may_be_quoted(self) -> bool:
        """Whether it is known to be GitHub's, or answers for the host that the user's URL names."""
        known = (self.home, f"api.{self.home}", urlsplit(PUBLIC_API_URL).hostname)
        return is_answer_of(known, self.remote.url, self.remote.proxy)


@dataclass(slots=True)
class _CachedToken:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: InstallationToken | None = None


@contextmanager
def _locked(lock: threading.Lock, deadline: Deadline) -> Iterator[None]:
    """Hold a lock; whoever has it may be waiting for a server. Raises DeadlineExceeded."""
    if not lock.acquire(timeout=deadline.remaining()):
        raise deadline.exceeded()
    try:
        yield
    finally:
        lock.release()


def assertion(app: GithubApp, *, now: datetime) -> str:
    """Return the JWT with which an app asks for tokens. Raises BadCredentials for an unusable key."""
    try:
        key = load_private_key(app.private_key, "")
    except BadPrivateKey as error:
        reason = f": {error}" if isinstance(error.__cause__, KeyRefused) else ""
        raise BadCredentials(f"'githubAppPrivateKey' is not an RSA private key in PEM form{reason}") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadCredentials("'githubAppPrivateKey' is not an RSA private key in PEM form")
    issued = int(now.timestamp()) - SKEW_SECONDS
    claims = {"iat": issued, "exp": issued + VALID_SECONDS, "iss": app.id}
    signed = b".".join(_base64url(msgspec.json.encode(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return (signed + b"." + _base64url(key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class GithubApps:
    """Tokens of installations, each requested once and renewed in time. Thread-safe."""

    def __init__(self, *, destinations: Destinations, now: Callable[[], datetime]) -> None:
        """destinations: where APIs may be, besides on the host of the repository's own URL."""
        self._now = now
        self._http = HttpPools(destinations)
        self._lock = threading.Lock()
        self._cached_tokens: LRUCache[tuple[str, GithubApp], _CachedToken] = LRUCache(MAX_CACHED_TOKENS)

    def login(self, app: GithubApp, via: Remote, deadline: Deadline) -> Basic:
        """Return what to log in with for the next minutes.

        via: the repository's remote, whose TLS material, proxy and tenant to use; its host says where the API may be.
        One request an hour, more where the installation is given by its owner. Raises BadCredentials,
        AuthenticationFailed, ProtocolError, Unreachable, DestinationForbidden.
        """
        with self._lock:
            cached = self._cached_tokens.get((via.tenant, app))
            if cached is None:
                cached = self._cached_tokens[via.tenant, app] = _CachedToken()
        with error_context(f"failed to get a token of GitHub App '{app.id}'"), _locked(cached.lock, deadline):
            if cached.token is None or cached.token.expires_at - RENEW_BEFORE <= self._now():
                remote = Remote(app.url, tls=via.tls, proxy=via.proxy, tenant=via.tenant)
                cached.token = self._token(_Api(app, remote, urlsplit(via.url).hostname or ""), deadline)
            return Basic(USER, cached.token.token)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _token(self, api: _Api, deadline: Deadline) -> InstallationToken:
        installation = api.app.installation or self._find_installation(api, deadline)
        path = f"/app/installations/{installation}/access_tokens"
        token = self._request("POST", path, api, deadline, into=InstallationToken)
        if not is_token(token.token):
            raise ProtocolError(f"{api.remote.url} answered with a token that is not fit for a header")
        return token

    def _find_installation(self, api: _Api, deadline: Deadline) -> str:
        owner = api.app.owner
        for page in range(1, MAX_PAGES + 1):
            path = f"/app/installations?per_page={PAGE_SIZE}&page={page}"
            installations = self._request("GET", path, api, deadline, into=list[Installation])
            for installation in installations:
                if installation.account and installation.account.login.lower() == owner.lower():
                    return str(installation.id)
            if len(installations) < PAGE_SIZE:
                break
        raise AuthenticationFailed(f"it is not installed for '{owner}'")

    def _request(self, method: str, path: str, api: _Api, deadline: Deadline, *, into: type[T]) -> T:
        jwt, remote = assertion(api.app, now=self._now()), api.remote
        headers = {"User-Agent": AGENT, "Accept": "application/vnd.github+json", "Authorization": f"Bearer {jwt}"}
        with translate_errors(remote, deadline):
            answer = self._http.send(
                remote, method, remote.url + path, headers=headers, timeout=deadline.remaining(), home=api.home
            )
            try:
                body = answer.read(MAX_ANSWER_BYTES)
            finally:
                answer.release_conn()
        if answer.status == 429 or answer.status >= 500:
            raise Unreachable(
                f"{remote.url} answered {answer.status}",
                retry_after=parse_retry_after(answer.headers.get("Retry-After", ""), now=self._now()),
            )
        if answer.status >= 300:
            words = f": {redact(sanitize(body), (jwt, *remote.secrets))}" if api.may_be_quoted else ""
            raise AuthenticationFailed(f"{remote.url} answered {answer.status}{words}")
        try:
            return msgspec.json.decode(body, type=into)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProtocolError(f"{remote.url} is not GitHub's API: {describe(error)}") from error
