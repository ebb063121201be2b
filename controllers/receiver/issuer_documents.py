"""Fetches documents of issuers, over such connections as registries are asked: checked addresses, bounded answers."""

from typing import Final

from controllers.net.destinations import Destinations
from controllers.receiver.issuers import FetchFailed
from controllers.registry.errors import RegistryError
from controllers.registry.messages import RegistryRequest, Route
from controllers.registry.metering import PieceMeter
from controllers.registry.transport import RegistryTransport

MAX_BYTES: Final = 256 << 10


class IssuerDocuments:
    """An `issuers.Fetch`. `aclose` at the end."""

    def __init__(self, destinations: Destinations, *, user_agent: str) -> None:
        self._destinations = destinations
        self._transport = RegistryTransport(user_agent=user_agent)

    async def __call__(self, url: str, home: str) -> bytes:
        """Return a document. home: the host that the spec names. Not bounded in time. Raises FetchFailed."""
        request = RegistryRequest("GET", url, {"Accept": "application/json"})
        route = Route(destinations=self._destinations.starting_from(home))
        try:
            answer = await self._transport.send(request, route, max_bytes=MAX_BYTES, meter=PieceMeter())
        except RegistryError as error:
            raise FetchFailed(str(error)) from None
        if answer.status != 200:
            raise FetchFailed(f"{request.summary}: status {answer.status}")
        return answer.body

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()
