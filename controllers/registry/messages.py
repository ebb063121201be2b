"""What goes to a registry and comes back, and the route it takes. Values only; `transport` moves them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from controllers.net.url import redact_text


@dataclass(frozen=True, slots=True)
class Route:
    """How hosts are reached. Hashable: connections are pooled by it."""

    tls: TlsMaterial | None = None
    proxy: Proxy | None = None


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
