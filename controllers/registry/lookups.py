"""Look-ups of names, which nothing can interrupt: in threads of their own, of which each domain has a share.

A name server that does not answer holds a thread until the resolver gives up, long after whoever asked has gone. In the
event loop's own threads a few names of one tenant would stop the look-ups, and much else, of everybody.
"""

import socket
from collections.abc import Sequence
from functools import partial
from typing import Final

import httpcore

from controllers.net.destinations import normalize_host, parse_address
from controllers.registry.realms import registrable_domain
from controllers.threads import FairThreads, Share

THREADS: Final = 64
THREADS_PER_DOMAIN: Final = 4


class Lookups:
    """Used from one event loop, by any number of tasks."""

    def __init__(self) -> None:
        self._threads = FairThreads(THREADS, name="lookup")

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host in the system's order, each once. Raises httpcore.ConnectError."""
        if parse_address(host) is not None:
            return [host]
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = await self._threads.run(look_up, Share(_domain(host), THREADS_PER_DOMAIN))
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        except UnicodeError:
            raise httpcore.ConnectError(f"no valid host name: {host[:64]!r}") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not addresses:
            raise httpcore.ConnectError(f"{host[:64]!r} has no address")
        return addresses

    def close(self) -> None:
        """Take no more; threads at work end when the resolver does."""
        self._threads.shutdown(wait=False)


def _domain(host: str) -> str:
    """Return what one organisation's name servers answer for, as far as a name shows it; else the whole name."""
    name = normalize_host(host)
    return registrable_domain(name) or name
