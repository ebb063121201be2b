"""The API of one repository's forge as one identity: requests with their failures told apart, and pages."""

from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from controllers.forge.answers import Answer, failure_of
from controllers.forge.errors import AnswerTooLong, AuthenticationFailed, ForgeError
from controllers.forge.transport import Identity, Transport
from controllers.git.protocol.session import Check, anyone

T = TypeVar("T")

MAX_PAGES: Final = 30
"""Of one listing. Thousands of open pull requests are somebody's accident, and the first ones are the newest."""
SMALLER_PAGE, MAX_SMALLER_PAGES = 10, 30

Explain = Callable[[Answer], ForgeError | None]


def path(*segments: str | int) -> str:
    """Return a path of these segments, each escaped, with a slash in front."""
    return "".join(f"/{quote(str(segment), safe='')}" for segment in segments)


def query(**parameters: str | int) -> str:
    """Return a query of these parameters."""
    return "?" + urlencode(parameters, quote_via=quote)


def no_explanation(_: Answer) -> None:
    """Leave all answers to what they mean at any forge."""


class Api:
    """Where a driver sends its requests."""

    def __init__(
        self,
        transport: Transport,
        identity: Identity | None,
        *,
        name: str,
        repository: str,
        api: str,
        explain: Explain = no_explanation,
        fault: str = "there is no token for its API",
        check: Check = anyone,
    ) -> None:
        """Build it; nothing is sent.

        identity: None where there is no usable token, so that each request fails, and `fault` says why. name: the
        forge, as messages call it. repository: as messages call it. explain: what an answer means at this forge alone;
        None where it means what it means everywhere. check: see `Transport.send`.
        """
        self._transport = transport
        self._identity = identity
        self._explain = explain
        self._fault = fault
        self._check = check
        self.name = name
        self.repository = repository
        self.url = api
        self.requests = 0

    async def call(self, method: str, target: str, *, into: type[T], body: object = None, keep: bool = False) -> T:
        """Return what a request is answered with. Raises ForgeError."""
        return (await self.send(method, target, body=body, keep=keep)).read(into)

    async def send(
        self, method: str, target: str, *, body: object = None, keep: bool = False, base: str = ""
    ) -> Answer:
        """Return the answer to a request that succeeded. Raises ForgeError.

        target: path and query behind the API's address. keep: see `Transport.send`. base: another address of this
        forge.
        """
        if self._identity is None:
            raise AuthenticationFailed(
                self._fault,
                remedy="name a Secret with a token in spec.git.pullRequest.secretRef, also where Git itself uses SSH",
            )
        self.requests += 1
        url = (base or self.url) + target
        answer = await self._transport.send(self._identity, method, url, body=body, keep=keep, check=self._check)
        failure = self._explain(answer) or failure_of(answer, now=self._transport.clock.now())
        if failure:
            raise failure
        return answer

    async def pages(
        self,
        target: str,
        *,
        into: type[list[T]],
        size: int,
        size_key: str = "per_page",
        keep: bool = False,
        at_most: int = MAX_PAGES,
    ) -> AsyncIterator[list[T]]:
        """Yield the pages of a listing in which `page` counts from 1 and a header `Link` says whether there is more.

        target: with its query, but for `page` and `size_key`. size: of a page; a server may give less. Where a page is
        too long, smaller ones are asked for, since anybody may open pull requests with long texts from a fork. No entry
        is left out, but some may come twice. Raises AnswerTooLong where one entry is.
        """
        start, end, asked, is_known = 0, at_most * size, size, False
        for _ in range(at_most + MAX_SMALLER_PAGES):
            page = start // asked + 1
            where = f"{'&' if '?' in target else '?'}{size_key}={asked}&page={page}"
            try:
                answer = await self.send("GET", target + where, keep=keep)
            except AnswerTooLong:
                if asked == 1:
                    raise
                asked = SMALLER_PAGE if asked > SMALLER_PAGE else 1
                continue
            entries = answer.read(into)
            yield entries
            more = 'rel="next"' in answer.header("link") if answer.header("link") else len(entries) >= asked
            if not is_known and 0 < len(entries) < asked:
                size = asked = len(entries)  # the most that this server gives, by which it counted this page, too
            # Others that are short had entries which we may not see, and count as whole.
            is_known = is_known or asked == size
            start = page * asked
            if not more or start >= end:
                return
            asked = next(fits for fits in (size, SMALLER_PAGE, 1) if fits <= size and start % fits == 0)

    async def sleep(self, seconds: float) -> None:
        """Return after some seconds of the injected clock."""
        await self._transport.clock.sleep(seconds)


def check_web_url(text: str) -> str:
    """Return an address for people as a forge gives it; empty where it is not fit to be shown."""
    if text.startswith(("https://", "http://")) and text.isprintable() and not set(text) & set(" \"'<>\\@"):
        return text[:2048]
    return ""
