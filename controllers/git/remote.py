"""Where a repository is and who we are there: values only, no I/O.

Everything a connection needs is in one hashable record: connections and object caches are shared by those who agree in
all of it, and by nobody else. Nothing is taken from Git configuration. Secrets never show in `repr`.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote, urlsplit, urlunsplit

from controllers.git.errors import BadCredentials, BadUrl, sanitize_text
from controllers.net.proxy.address import with_userinfo

DEFAULT_TIMEOUT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password, or a token in place of either."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token for `Authorization: Bearer`."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SshKey:
    """A private key in PEM or OpenSSH form, and the host keys to accept in the form of `known_hosts`."""

    identity: str = field(repr=False)
    known_hosts: str
    passphrase: str = field(default="", repr=False)


Credentials = Basic | Bearer | SshKey


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts: authorities to trust besides the system's, and our own certificate with its key."""

    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SshAlgorithms:
    """What SSH connections may use, in order of preference; empty: what known_hosts and the library suggest."""

    host_keys: tuple[str, ...] = ()
    key_exchanges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: `http://host:port`, `https://`, `socks5://` or `socks5h://`. Raises BadCredentials.

    User-info in the address moves to `username` and `password`, unless those are given.
    """

    address: str
    username: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            parts.port  # noqa: B018  # raises for a port that is not a number
        except ValueError:
            raise BadCredentials("the address of the proxy is not a URL") from None
        if not parts.hostname:
            raise BadCredentials("the address of the proxy is not a URL that names a host, like http://proxy:3128")
        set_ = object.__setattr__  # the record is frozen for everybody else
        set_(self, "address", strip_userinfo(self.address).rstrip("/"))
        if parts.username and not self.username:
            set_(self, "username", unquote(parts.username))
            set_(self, "password", unquote(parts.password or ""))

    @property
    def scheme(self) -> str:
        """The scheme of the address."""
        return urlsplit(self.address).scheme

    @property
    def url(self) -> str:
        """The address with the user-info in it; for the SDKs of clouds, never for a message."""
        return with_userinfo(self.address, self.username, self.password)


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository as one identity reaches it. Raises BadUrl.

    url: user-info in it moves to `credentials` for http(s), unless those are given, and to `user` for ssh.
    timeout: for one operation as a whole (list, fetch, push).
    principal: who we are where the credential itself rotates ("github-app/123/456", "aws/apps/bot/arn:…"): objects
        cached under a former token then stay in use, for this principal alone. Empty: the credential is the identity.
    """

    url: str
    credentials: Credentials | None = None
    tls: Tls = Tls()
    proxy: Proxy | None = None
    timeout: timedelta = DEFAULT_TIMEOUT
    principal: str = ""
    user: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            parts.port  # noqa: B018  # raises for a port that is not a number
        except ValueError as e:
            raise BadUrl(f"'{sanitize_text(self.url.rpartition('@')[2])}' is not a URL: {sanitize_text(str(e))}") from e
        if not parts.hostname:
            raise BadUrl(f"'{sanitize_text(strip_userinfo(self.url))}' is not a URL: it names no host")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        set_ = object.__setattr__  # the record is frozen for everybody else
        set_(self, "url", strip_userinfo(self.url))
        if parts.scheme == "ssh":
            set_(self, "user", self.user or user or "git")
        elif self.credentials is None and (user or password):
            set_(self, "credentials", Basic(user, password))

    @property
    def scheme(self) -> str:
        """The scheme of the URL."""
        return urlsplit(self.url).scheme


def strip_userinfo(url: str) -> str:
    """Return the URL as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
