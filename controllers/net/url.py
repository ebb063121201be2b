"""What all clients need to know about URLs: the origin they lead to, and the login that may be in them."""

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
HARMLESS_PARAMETERS: Final = frozenset({"last", "n", "page", "page_size", "per_page", "scope", "service"})
"""Of queries to registries, token services and Git hosts: they say what is asked for, and do not permit it."""
_USERINFO: Final = re.compile(
    r"""//(?: [^/?#\s"'<>]*                                                # as RFC 3986 has it
            | [^][/?#\s"'<>:@]{0,256} : (?![0-9]+(?:[/?#]|$)) [^\s"'<>@]{0,256}  # a password with one of /?# in it
        )@""",
    re.VERBOSE,
)
_PARAMETER: Final = re.compile(r"([?&;])([^=&;#\s\"'<>]*+)(?:=([^&;#\s\"'<>]*+))?+")
"""Takes what has no value, too: to look for one again from each of many question marks would take quadratic time."""


class Origin(NamedTuple):
    """What two URLs must have in common before a credential for one may be sent to the other."""

    scheme: str
    host: str | None
    port: int | None
    """None for the one that the scheme implies."""


def origin(url: str | SplitResult) -> Origin:
    """Return the origin (RFC 6454) of a URL. Raises ValueError for a port that is not a number, or a bad IPv6 host."""
    parts = urlsplit(url) if isinstance(url, str) else url
    return _origin(parts.scheme, parts.netloc.rpartition("@")[2])


@lru_cache(maxsize=128)  # each request asks several times, and of the same few hosts; who redirects may write long ones
def _origin(scheme: str, netloc: str) -> Origin:
    parts = SplitResult(scheme, netloc, "", "", "")
    return Origin(parts.scheme, parts.hostname, None if parts.port == DEFAULT_PORTS.get(parts.scheme) else parts.port)


def strip_userinfo(url: str) -> str:
    """Return the URL as it may be shown. Raises ValueError for a bad IPv6 host."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def redact_text(text: str) -> str:
    """Return a text with the URLs in it as they may be shown: without logins, and without what signs or permits.

    Of the parameters of a query only the values of HARMLESS_PARAMETERS stay. For texts that need not be a URL.
    """
    text = _USERINFO.sub("//", text)
    return _PARAMETER.sub(_redacted, text)


def show_remote(url: str) -> str:
    """Return the URL of a repository as it may be shown: as `redact_text`, but the user of an SSH URL is a fact."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    shown = redact_text(f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}")
    try:
        parts, user = urlsplit(shown), urlsplit(url).username
    except ValueError:
        return shown
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}")) if parts.scheme == "ssh" and user else shown


def with_userinfo(url: str, username: str, password: str) -> str:
    """Return `scheme://user:password@host`, each part escaped; the URL alone without a user. Never for a message."""
    if not username:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{rest}"


def _redacted(parameter: re.Match[str]) -> str:
    start, name, value = parameter.groups()
    if not name or value is None or name.lower() in HARMLESS_PARAMETERS:
        return parameter[0]
    return f"{start}{name}=REDACTED"
