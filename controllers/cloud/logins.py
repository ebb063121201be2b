"""Cloud credentials for the whole process: fetched in threads, kept until shortly before they expire.

The key is provider, scope, identity (namespace, ServiceAccount, role) and proxy: no tenant gets another's. Those who
want the same at the same time share one login.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, NamedTuple, Protocol, TypeVar

from cachetools import TLRUCache

from controllers.clock import Clock
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import C_co, Identity, Login, SubjectToken
from controllers.singleflight import Singleflight
from controllers.threads import FairThreads, Share

THREADS, THREADS_PER_TENANT = 16, 2
"""Of our own: a cloud or a proxy that does not answer must not hold those that others wait for."""
LOGIN_SECONDS = 45.0
"""A little more than what the SDKs wait for all their requests."""
CACHED_LIFETIME_RATIO = 0.8
"""Of the lifetime, as Flux does: a token that expires under way costs a failed scan."""

C = TypeVar("C")
T = TypeVar("T")


class Provider(Protocol[C_co]):
    """A cloud, and one kind of address in it: `registry.cloud` has registries, `git.login.clouds` repositories."""

    def credential_scope(self, address: str, /) -> str:
        """Return what credentials are for; addresses of one scope share them. Raises LoginFailed for foreign ones."""

    def audience(self, identity: Identity, /) -> str:
        """Return the audience of the Kubernetes token that proves the identity. May block. Raises LoginFailed."""

    def login(self, credential_scope: str, subject: SubjectToken | None, /, *, proxy: str) -> Login[C_co]:
        """Return credentials for a scope; no subject is the process itself. Blocks. Raises LoginFailed."""


@dataclass(frozen=True, slots=True)
class LoginKey:
    provider: str
    credential_scope: str
    identity: Identity | None
    """None: the process's own."""
    proxy: str = field(repr=False)


@dataclass(slots=True)
class CacheCounts:
    """Logins and cached credentials, counted since the process began."""

    succeeded: int = 0
    failed: int = 0
    evicted: int = 0
    """Dropped before their time, because there were too many."""
    cached: int = 0
    """In memory after the last login. Counted here, since metrics are read in a thread and the cache is not for two."""


class _CachedCredentials(NamedTuple, Generic[C]):
    credentials: C
    renew_at: float
    """In monotonic seconds."""


class _CredentialCache(TLRUCache[LoginKey, _CachedCredentials[C]]):
    """Credentials until they are to be renewed. Counts those that had to go before."""

    def __init__(self, max_size: int, counts: CacheCounts, timer: Callable[[], float]) -> None:
        super().__init__(max_size, ttu=lambda _key, cached, _now: cached.renew_at, timer=timer)
        self._counts = counts

    def popitem(self) -> tuple[LoginKey, _CachedCredentials[C]]:
        self._counts.evicted += 1
        return super().popitem()


class CloudLogins(Generic[C]):
    """Used from one event loop, by any number of tasks."""

    def __init__(
        self,
        clock: Clock,
        providers: Mapping[str, Provider[C]],
        *,
        pin_proxy: Callable[[str], str],
        max_size: int,
        max_age: timedelta,
    ) -> None:
        """Build it; nothing is asked.

        pin_proxy: returns what to hand to an SDK for a tenant's proxy, and may block; see `proxies.pin_proxy`.
        max_size: credentials kept; 0 keeps none. max_age: longest time they are kept.
        """
        self._clock = clock
        self._max_age = max_age
        self._providers = providers
        self._pin_proxy = pin_proxy
        self.counts = CacheCounts()
        self._cache: _CredentialCache[C] = _CredentialCache(max_size, self.counts, clock.monotonic)
        self._singleflight: Singleflight[C] = Singleflight()
        self._threads = FairThreads(THREADS, name="cloud-login")

    def credential_scope(self, provider: str, address: str) -> str:
        """Return the scope that credentials for the address are cached under.

        Raises LoginFailed unless the address is one of the cloud's, and for a cloud that we do not know.
        """
        if provider not in self._providers:
            raise LoginFailed(f"provider '{provider}' is not supported")
        return self._providers[provider].credential_scope(address)

    async def credentials(
        self,
        provider: str,
        address: str,
        identity: Identity | None,
        *,
        proxy: str,
        kubernetes_token: Callable[[str], Awaitable[str]],
    ) -> C:
        """Return credentials for `address`, from memory or by a login. Raises LoginFailed.

        identity: whom to act for; None is the process itself. kubernetes_token: gives the identity's token for an
        audience; its errors pass.
        """
        key = LoginKey(provider, self.credential_scope(provider, address), identity, proxy)
        try:
            found = await self._found(key, kubernetes_token)
        except Exception:
            self.counts.failed += 1
            raise
        self.counts.succeeded += 1
        return found

    async def aclose(self) -> None:
        """Give up logins under way; their threads end when their SDK does."""
        self._threads.shutdown(wait=False)

    async def _found(self, key: LoginKey, kubernetes_token: Callable[[str], Awaitable[str]]) -> C:
        if cached := self._cache.get(key):
            return cached.credentials
        return await self._singleflight.join(key, lambda _: self._login(key, kubernetes_token))

    async def _login(self, key: LoginKey, kubernetes_token: Callable[[str], Awaitable[str]]) -> C:
        provider, subject = self._providers[key.provider], None
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                if who := key.identity:
                    audience = await self._in_thread(key, lambda: provider.audience(who))
                    subject = SubjectToken(who, await kubernetes_token(audience))
                proxy = await self._in_thread(key, lambda: self._pin_proxy(key.proxy)) if key.proxy else ""
                found = await self._in_thread(key, lambda: provider.login(key.credential_scope, subject, proxy=proxy))
        except TimeoutError:
            raise LoginFailed(f"{_tried(key)}: no answer within {LOGIN_SECONDS:.0f}s") from None
        except LoginFailed as error:
            raise LoginFailed(f"{_tried(key)}: {error}") from error
        lifetime = found.expires_at - self._clock.now()
        kept_for = min(lifetime * CACHED_LIFETIME_RATIO, self._max_age).total_seconds()
        if kept_for > 0 and self._cache.maxsize:
            self._cache[key] = _CachedCredentials(found.credentials, began + kept_for)
        self.counts.cached = len(self._cache)
        return found.credentials

    async def _in_thread(self, key: LoginKey, call: Callable[[], T]) -> T:
        """Run `call` in a thread within the share of those who pay: a namespace; for the process, each proxy."""
        payer = ("namespace", key.identity.namespace) if key.identity else ("proxy", key.proxy)
        return await self._threads.run(call, Share(payer, THREADS_PER_TENANT))


def _tried(key: LoginKey) -> str:
    """Return what failed, in Flux's words; whom the account wanted to be is our addition."""
    if key.identity is None:
        return "failed to create provider access token for the controller"
    role = f" as '{key.identity.role}'" if key.identity.role else ""
    return f"failed to create provider access token for service account '{key.identity.name}'{role}"
