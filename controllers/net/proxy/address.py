"""Where a proxy is, and the login it wants."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from controllers.net.redaction import login_secrets
from controllers.net.url import strip_userinfo, with_userinfo

PROXY_VARIABLES: Final = frozenset({"all_proxy", "http_proxy", "https_proxy"})


class BadProxy(ValueError):
    """The address of a proxy cannot be used; the message does not repeat it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: `http://host:port`, `https://`, `socks5://` or `socks5h://`. Raises BadProxy.

    User-info in the address moves out, to `username` and `password` unless they are given.
    """

    address: str
    """`scheme://host:port`, without user-info; fit for a message."""
    username: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            parts.port  # noqa: B018  # raises for a port that is not a number
        except ValueError:
            raise BadProxy("the address of the proxy is not a URL") from None
        if not parts.hostname:
            raise BadProxy("the address of the proxy is not a URL that names a host, like http://proxy:3128")
        set_ = object.__setattr__  # the record is frozen for everybody else
        set_(self, "address", strip_userinfo(self.address).rstrip("/"))
        if parts.username and not self.username:
            set_(self, "username", unquote(parts.username))
            set_(self, "password", unquote(parts.password or ""))

    @property
    def scheme(self) -> str:
        return urlsplit(self.address).scheme

    @property
    def url(self) -> str:
        """The address with the user-info in it; for HTTP libraries and SDKs, never for a message."""
        return with_userinfo(self.address, self.username, self.password)


def environment_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what is secret of the proxies that environment variables name, for texts in which it must not appear."""
    found: tuple[str, ...] = ()
    for name, address in environ.items():
        if name.lower() in PROXY_VARIABLES:
            with suppress(BadProxy):
                proxy = Proxy(address)
                found += login_secrets(proxy.username, proxy.password)
    return found
