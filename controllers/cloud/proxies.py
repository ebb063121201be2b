"""Proxies of tenants, as they are handed to SDKs: judged, and by the address that was judged.

SDKs resolve names by themselves, so a name could lead elsewhere the second time. Their own requests to metadata
services, and the proxy of the environment, are not of a tenant's making and never come here.
"""

import socket
from urllib.parse import SplitResult, urlsplit

from controllers.cloud.errors import LoginFailed
from controllers.net.destinations import DestinationRefused, Destinations, parse_address
from controllers.net.library_errors import describe
from controllers.net.url import strip_userinfo


def pin_proxy(url: str, destinations: Destinations) -> str:
    """Return the URL of a proxy with an address in place of its name. Blocks for a look-up.

    One that is reached over TLS keeps the name, which its certificate has to have: nobody else can pose as it.
    Raises LoginFailed for a proxy where none may be, and for a name without an address.
    """
    parts = urlsplit(url)
    where = f"proxy {strip_userinfo(url).rstrip('/')}"
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port, type=socket.SOCK_STREAM)
        address = destinations.allowed_of(host, [str(entry[4][0]) for entry in found])[0]
    except DestinationRefused as error:
        raise LoginFailed(f"{where}: {error}") from None
    except (OSError, UnicodeError, IndexError) as error:
        raise LoginFailed(f"{where}: {describe(error)}") from None
    return url if parts.scheme == "https" else _at(parts, address)


def _at(parts: SplitResult, address: str) -> str:
    """Return the URL with another host."""
    login, at, _ = parts.netloc.rpartition("@")
    is_v6 = getattr(parse_address(address), "version", 4) == 6
    port = f":{parts.port}" if parts.port is not None else ""
    return parts._replace(netloc=f"{login}{at}{f'[{address}]' if is_v6 else address}{port}").geturl()
