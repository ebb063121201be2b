"""Where a repository is and who we are there: values only, no I/O.

Everything a connection needs is in one hashable record: connections and object caches are shared by those who agree in
all of it, and by nobody else. Nothing is taken from Git configuration. Secrets never show in `repr`.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from controllers.git.errors import BadUrl
from controllers.net.foreign_text import sanitize
from controllers.net.proxy.address import Proxy
from controllers.net.redaction import login_secrets
from controllers.net.tls import TlsMaterial
from controllers.net.url import redact_text, strip_userinfo

DEFAULT_TIMEOUT = timedelta(minutes=1)
NO_TLS_MATERIAL = TlsMaterial()
HARMLESS_FAULTS = ("Invalid IPv6 URL", "Port out of range 0-65535")
"""Complaints of Python about a URL that quote nothing of it."""


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
class SshAlgorithms:
    """What SSH connections may use, in order of preference; empty: what known_hosts and the library suggest."""

    host_keys: tuple[str, ...] = ()
    key_exchanges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository as one identity reaches it. Raises BadUrl.

    url: user-info in it moves to `credentials` for http(s), unless those are given, and to `user` for ssh.
    timeout: for one operation as a whole (list, fetch, push).
    principal: who we are where the credential itself rotates ("github-app/123/456", "aws/apps/bot/arn:…"): objects
        cached under a former token then stay in use, for this principal alone. Empty: the credential is the identity.
    tenant: the namespace that pays: its share of threads is used. Being part of the record, it keeps connections,
        caches and locks of one namespace from being used up by another, whatever else they agree in.
    """

    url: str
    credentials: Credentials | None = None
    tls: TlsMaterial = NO_TLS_MATERIAL
    proxy: Proxy | None = None
    timeout: timedelta = DEFAULT_TIMEOUT
    principal: str = ""
    user: str = ""
    tenant: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            parts.port  # noqa: B018  # raises for a port that is not a number
        except ValueError as e:
            fault = str(e) if str(e) in HARMLESS_FAULTS else "its port is not a number"
            raise BadUrl(f"'{_shown(self.url)}' is not a URL: {fault}") from None
        if not parts.hostname:
            raise BadUrl(f"'{_shown(self.url)}' is not a URL: it names no host")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        set_ = object.__setattr__  # the record is frozen for everybody else
        set_(self, "url", strip_userinfo(self.url))
        if parts.scheme == "ssh":
            set_(self, "user", self.user or user or "git")
        elif self.credentials is None and (user or password):
            set_(self, "credentials", Basic(user, password))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show, even in the words of a server that was sent it."""
        found: tuple[str, ...] = ()
        match self.credentials:
            case Basic(username=username, password=password):
                found = login_secrets(username, password)
            case Bearer(token=token):
                found = (token,)
        if self.proxy:
            found += login_secrets(self.proxy.username, self.proxy.password)
        return found

    @property
    def scheme(self) -> str:
        """The scheme of the URL."""
        return urlsplit(self.url).scheme


def _shown(url: str) -> str:
    """Return a text that is no URL without what stands where a password would."""
    scheme, separator, rest = redact_text(url).partition("://")
    host, colon, after = rest.partition(":")
    return sanitize(f"{scheme}{separator}{host}{colon}{'…' if after else ''}")
