"""What goes to a registry and comes back, and the route it takes. Values only; `transport` moves them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from controllers.net.destinations import Destinations
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from controllers.net.url import redact_text

ANYWHERE_OUTSIDE: Final = Destinations()


@dataclass(frozen=True, slots=True)
class Route:
    """How hosts are reached. Hashable: connections are pooled by it."""

    tls: TlsMaterial | None = None
    proxy: Proxy | None = None
    destinations: Destinations = ANYWHERE_OUTSIDE
    """Where requests, their redirects and their proxy may lead."""
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        # As with `Access`: pools, budgets and sessions are looked up by it, several times for each request.
        if self._hash is None:
            object.__setattr__(self, "_hash", hash((self.tls, self.proxy, self.destinations)))
        assert self._hash is not None
        return self._hash


class BodySink(Protocol):
    """Takes a body that is too long to be kept, in order and in steps that are short enough for the event loop."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises RegistryError to end the answer."""

    async def settle(self) -> None:
        """Do what may take longer with what was fed since the last time, before more comes. Raises as `feed`."""


Overflow = Callable[[str, str], BodySink]
"""Make what takes a body that is too long to be kept, from the URL that answers and the content type."""


@dataclass(frozen=True, slots=True)
class RegistryRequest:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def summary(self) -> str:
        """Method and URL, fit for a message."""
        return f"{self.method} {redact_text(self.url)}"


@dataclass(frozen=True, slots=True)
class RegistryResponse:
    status: int
    headers: dict[str, str]
    """Names in lower case; values of a repeated one joined by commas."""
    links: tuple[str, ...]
    challenges: tuple[str, ...]
    body: bytes
    """Empty where `overflow` took it."""
    url: str = ""
    """Of who answered, after redirects."""
    overflow: BodySink | None = None
    """What took the body, because it was too long to be kept."""
