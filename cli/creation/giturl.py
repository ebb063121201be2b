"""Addresses of Git repositories in flags, read as Go reads them, whose messages users know."""

import re
from typing import Final
from urllib.parse import unquote

from cli.grammar.session import Failed
from controllers.golang.quote import quote
from controllers.net.url import strip_userinfo

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_HOST: Final = re.compile(r"[^\x00-\x20\"<>\\^`{|}]*")
_PORT: Final = re.compile(r"(:[0-9]*)?")
_MAX_PORT: Final = 65535
_PORT_DIGITS: Final = 5
_SCHEMES: Final = ("ssh", "http", "https")


def check_url(url: str) -> str:
    """Return the scheme of a repository's address, in lower case. Raises Failed."""
    if fault := _fault(url):
        raise Failed(f"git URL parse failed: parse {quote(strip_userinfo(url))}: {fault}")
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if scheme not in _SCHEMES:
        raise Failed(f"git URL scheme '{scheme}' not supported, can be: ssh, http and https")
    return scheme


def split_ssh(url: str) -> tuple[str, int]:
    """Return host and port of an address with the scheme ssh. Raises Failed for a port that cannot be."""
    authority = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = authority, ""
    number = port.lstrip("0") or ("0" if port else "22")
    if len(number) > _PORT_DIGITS or int(number) > _MAX_PORT:
        raise Failed(f"SSH key scan for host {authority} failed, error: dial tcp: address {port}: invalid port")
    return unquote(host.strip("[]")), int(number)


def _fault(url: str) -> str:
    """Return what is wrong with an address, "" for nothing."""
    if _CONTROL.search(url):
        return "net/url: invalid control character in URL"
    if url.startswith(":"):
        return "missing protocol scheme"
    scheme = _SCHEME.match(url)
    rest = url[scheme.end() :] if scheme else url
    if not scheme and ":" in rest.partition("/")[0]:
        return "first path segment in URL cannot contain colon"
    path = rest
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        if fault := _authority_fault(authority.partition("?")[0].partition("#")[0].rpartition("@")[2]):
            return fault
        path = f"{slash}{path}"
    escape = _BAD_ESCAPE.search(path.partition("?")[0])
    return f"invalid URL escape {quote(escape[0])}" if escape else ""


def _authority_fault(host: str) -> str:
    wrong = host[len(_HOST.match(host)[0]) :][:1]  # type: ignore[index]  # matches everywhere
    if wrong:
        return f"invalid character {quote(wrong)} in host name"
    if host.startswith("["):
        if "]" not in host:
            return "missing ']' in host"
        host = host.rpartition("]")[2]
    port = host[host.find(":") :] if ":" in host else ""
    return "" if _PORT.fullmatch(port) else f"invalid port {quote(port)} after host"
