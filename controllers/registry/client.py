"""Ask registries for tags and digests: one client for a process, shared by all objects.

Puts together what the other modules decide: budgets, shared scans, negotiation, pages. Knows no policy and no object.
Follows https://github.com/opencontainers/distribution-spec/blob/main/spec.md.
"""

import asyncio
import hashlib
import random
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from controllers.clock import Clock
from controllers.image.reference import TAG, Image
from controllers.registry.access import Access
from controllers.registry.budget import CONCURRENCY, Budgets, Endpoint, Observer
from controllers.registry.connection_errors import deadline_exceeded
from controllers.registry.errors import BadResponse, UnusableReference
from controllers.registry.messages import RegistryRequest, RegistryResponse, Route
from controllers.registry.pages import PageCache, read_pages
from controllers.registry.session import Session, SessionCache
from controllers.registry.settings import RegistrySettings
from controllers.registry.tags import ListedTags, Listing, TagSieve
from controllers.registry.transport import RegistryTransport
from controllers.singleflight import Singleflight

MAX_MANIFEST_BYTES = 4 << 20
"""What registries must accept; hardly any accepts more."""

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")

T = TypeVar("T")


class RegistryClient:
    """Used from one event loop, by any number of tasks."""

    def __init__(
        self,
        *,
        clock: Clock,
        user_agent: str,
        concurrency: int = CONCURRENCY,
        rate: float = 0.0,
        settings: RegistrySettings = RegistrySettings(),  # noqa: B008 - frozen
        jitter: Callable[[], float] = random.random,
        observer: Observer | None = None,
    ) -> None:
        """user_agent: also the client id for token services.

        concurrency: operations at a time on one registry. rate: requests a second to it; 0 is without a limit.
        """
        self._clock = clock
        self._user_agent = user_agent
        self._jitter = jitter
        self._transport = RegistryTransport(user_agent=user_agent)
        self._budgets = Budgets(clock, concurrency=concurrency, rate=rate, jitter=jitter, observer=observer)
        self._cache = SessionCache(clock)
        self._settings = settings
        self._page_cache = PageCache(clock)
        self._scans: Singleflight[ListedTags] = Singleflight()

    async def list_tags(
        self, image: Image, access: Access, *, timeout: timedelta, tag_filter: TagSieve | None = None
    ) -> ListedTags:
        """Return all tags of `image`, in the registry's order, as they come: may repeat.

        tag_filter: which tags count for the limit. It is asked only once there are more than the limit, or a long page,
        and then drops all others. One request a page of up to 1000 tags once a registry is negotiated, two or three
        more before. Those who ask for the same owner, image, access and filter before the first page is requested share
        one answer.
        Raises RegistryError, and whatever the filter raises but what parsers raise (`net.library_errors.UNREADABLE`):
        that is a bad answer.
        """

        def scan(begins: Callable[[], None]) -> Awaitable[ListedTags]:
            async def pages(session: Session) -> ListedTags:
                await session.scheme()
                begins()
                listing = Listing(self._settings.max_tags, tag_filter.begin() if tag_filter else None)
                return await read_pages(session, listing, self._page_cache.of(access))

            return self.run_session(image, access, timeout, pages)

        with access.explain_refusals():  # outside of what is shared: others have other Secrets
            return await self._scans.join((image, access, access.owner, timeout, tag_filter), scan)

    async def resolve_digest(self, image: Image, tag: str, access: Access, *, timeout: timedelta) -> str:
        """Return the digest that `tag` has now, of the index where there is one: `sha256:...`.

        One HEAD; where that has no digest, one GET besides, whose body is hashed. Raises RegistryError.
        """
        if not TAG.fullmatch(tag) or not tag.strip("."):
            raise UnusableReference(f"could not parse reference: {image.name}:{tag}")

        async def manifest(session: Session) -> str:
            url = await session.url(f"manifests/{tag}")
            headers = {"Accept": ",".join(MANIFEST_TYPES)}
            head = await session.send(RegistryRequest("HEAD", url, headers), max_bytes=0, accepted=(200, 405))
            if head.status == 200 and (digest := _read_digest_header("HEAD", url, head)):
                return digest
            answer = await session.send(RegistryRequest("GET", url, headers), max_bytes=MAX_MANIFEST_BYTES)
            return _read_digest_header("GET", url, answer) or f"sha256:{hashlib.sha256(answer.body).hexdigest()}"

        with access.explain_refusals():
            return await self.run_session(image, access, timeout, manifest)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def run_session(
        self,
        image: Image,
        access: Access,
        timeout: timedelta,
        operation: Callable[[Session], Awaitable[T]],
    ) -> T:
        """Return what `operation` returns, in its turn and within `timeout`. Raises RegistryError."""
        _check_address(image)
        endpoint = Endpoint(image.registry, Route(access.tls, access.proxy))
        deadline = self._clock.monotonic() + timeout.total_seconds()
        session: Session | None = None
        try:
            async with (
                asyncio.timeout(timeout.total_seconds()),
                self._budgets.acquire(endpoint, access, owner=access.owner) as permit,
            ):
                session = Session(
                    image,
                    access,
                    settings=self._settings,
                    transport=self._transport,
                    cache=self._cache,
                    clock=self._clock,
                    permit=permit,
                    deadline=deadline,
                    jitter=self._jitter,
                    client_id=self._user_agent,
                )
                with session.hide_secrets(), session.reading_answers():
                    result = await operation(session)
        except TimeoutError:
            request = session.current_request if session else RegistryRequest("GET", f"https://{image.registry}/v2/")
            raise deadline_exceeded(request.method, request.url) from None
        if session.exhausted_for:
            reason = f"{session.current_request.summary}: registry's rate limit is used up"
            self._budgets.pause(endpoint, access, session.exhausted_for, reason, owner=access.owner)
        return result


def _check_address(image: Image) -> None:
    """Raise UnusableReference for a name that is a valid reference but does not make a URL."""
    try:
        usable = bool(urlsplit(f"https://{image.registry}/").hostname) and urlsplit(f"//{image.registry}").port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UnusableReference(f"registry '{image.registry}' is not the address of a host")
    if not {".", ".."}.isdisjoint(image.repository.split("/")):
        raise UnusableReference(f"repository '{image.repository}' has a path segment of dots")


def _read_digest_header(method: str, url: str, answer: RegistryResponse) -> str:
    """Return the digest in the header, "" without one. Raises BadResponse for what is not a digest."""
    digest = answer.headers.get("docker-content-digest", "").strip()
    if digest and not DIGEST.fullmatch(digest):
        raise BadResponse(f"{method} {url}: Docker-Content-Digest is not a digest")
    return digest
