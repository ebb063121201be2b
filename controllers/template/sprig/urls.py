"""Sprig's URLs, by the rules of Go's `net/url`.

Reference: https://masterminds.github.io/sprig/url.html.
"""

import ipaddress
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from controllers.golang.quote import quote
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import gotext
from controllers.template.go.types import ANY_MAP, STRING
from controllers.template.go.values import Map, any_map, kind_of

LIBRARY = Library()
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_HOST_BYTE = re.compile(r"%(?:[0-9a-fA-F]{2})?|[\0-\x7f]")
_PORT = re.compile(r":[0-9]*")
_USERINFO = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
_USER_SAFE, _PATH_SAFE, _FRAGMENT_SAFE, _HOST_SAFE = "$&+,;=", "$&+,/:;=@", "$&+,/:;=?@!()*", "!$&'()*+,;=:[]<>\""
_IN_HOSTS = frozenset(_HOST_SAFE + "-_.~%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@LIBRARY.add("urlParse", STRING)
def _url_parse(run: RenderContext, text: str) -> Map:
    run.budget.spend(len(text) // 4)
    try:
        return any_map(_parsed(text))
    except FunctionFailure as error:
        raise FunctionFailure(f"unable to parse url: {error}") from None


def _parsed(text: str) -> dict[str, object]:
    """Return the parts in the order in which sprig names them. Raises FunctionFailure with Go's text."""
    shown, _, fragment = text.partition("#")
    try:
        parts = _parts(shown)
        shown = text
        return parts | {"fragment": _decoded(fragment), "userinfo": parts["userinfo"]}
    except FunctionFailure as error:
        raise FunctionFailure(f"parse {quote(shown)}: {error}") from None


def _parts(text: str) -> dict[str, object]:
    if any(char < " " or char == "\x7f" for char in text):
        raise FunctionFailure("net/url: invalid control character in URL")
    scheme, rest = _scheme(text)
    rest, _, query = rest.partition("?")
    parts: dict[str, object] = dict.fromkeys(
        ("scheme", "host", "hostname", "path", "query", "opaque", "fragment", "userinfo"), ""
    )
    parts |= {"scheme": scheme, "query": query}
    if not rest.startswith("/"):
        if scheme:
            return parts | {"opaque": rest}
        if ":" in rest.partition("/")[0]:
            raise FunctionFailure("first path segment in URL cannot contain colon")
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        parts |= _authority(scheme, authority)
        rest = slash + path
    return parts | {"path": _decoded(rest)}


def _scheme(text: str) -> tuple[str, str]:
    match = _SCHEME.match(text)
    if match is not None:
        return match[0][:-1].lower(), text[match.end() :]
    if text.startswith(":"):
        raise FunctionFailure("missing protocol scheme")
    return "", text


def _authority(scheme: str, text: str) -> dict[str, object]:
    user, at, host = text.rpartition("@")
    host = _host(scheme, host)
    if not _USERINFO.fullmatch(user):
        raise FunctionFailure("net/url: invalid userinfo")
    head, colon, port = host.rpartition(":")
    name = head if colon and _PORT.fullmatch(colon + port) else host
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return {"host": host, "hostname": name, "userinfo": _userinfo(user) if at else ""}


def _host(scheme: str, text: str) -> str:
    """Return host and port, unescaped."""
    if text.rfind("[") > 0:
        raise FunctionFailure("invalid IP-literal")
    if text.startswith("["):
        close = text.rfind("]")
        if close < 0:
            raise FunctionFailure("missing ']' in host")
        _check_port(text[close + 1 :])
        name, percent, zone = text[1:close].partition("%25")
        name = _decoded_host(name)
        return f"[{_ip_literal(name)}{_decoded(percent + zone)}]{text[close + 1 :]}"
    colon = text.find(":") if scheme in ("http", "https") else text.rfind(":")
    if colon >= 0:
        _check_port(text[colon:])
    return _decoded_host(text)


def _ip_literal(name: str) -> str:
    try:
        ipaddress.IPv6Address(name)
    except ValueError:
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise FunctionFailure(f"invalid host: ParseAddr({quote(name)}): unable to parse IP") from None
        raise FunctionFailure("invalid IP-literal") from None
    return name


def _check_port(text: str) -> None:
    if text and not _PORT.fullmatch(text):
        raise FunctionFailure(f"invalid port {quote(text)} after host")


def _decoded_host(text: str) -> str:
    """Return the host unescaped; only bytes beyond ASCII and the percent sign may be escaped."""
    for match in _HOST_BYTE.finditer(text):
        if match[0] == "%" or (match[0][1:2] in set("01234567") and match[0] != "%25"):
            raise _bad_escape(text[match.start() :])
        if len(match[0]) == 1 and match[0] not in _IN_HOSTS:
            raise FunctionFailure(f"invalid character {quote(match[0])} in host name")
    return _decoded(text)


def _userinfo(text: str) -> str:
    name, colon, password = text.partition(":")
    return _encoded(_decoded(name), _USER_SAFE) + (colon + _encoded(_decoded(password), _USER_SAFE) if colon else "")


def _decoded(text: str) -> str:
    fault = _BAD_ESCAPE.search(text)
    if fault is not None:
        raise _bad_escape(text[fault.start() :])
    return gotext.decode(unquote_to_bytes(gotext.encode(text)))


def _bad_escape(text: str) -> FunctionFailure:
    return FunctionFailure(f"invalid URL escape {quote(gotext.decode(gotext.encode(text)[:3]))}")


def _encoded(text: str, safe: str) -> str:
    return quote_from_bytes(gotext.encode(text), safe=safe)


@LIBRARY.add("urlJoin", ANY_MAP)
def _url_join(run: RenderContext, parts: Map) -> str:
    scheme, host, path, query, opaque, fragment, userinfo = (
        _part(parts, name) for name in ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")
    )
    userinfo = _joined_userinfo(userinfo) if userinfo else ""
    run.budget.spend(len(path) + len(fragment) + len(host) + len(userinfo))
    out = f"{scheme}:" if scheme else ""
    if opaque:
        out += opaque
    else:
        if (scheme or host or userinfo) and (host or path or userinfo):
            out += "//" + userinfo + _encoded(host, _HOST_SAFE)
        escaped = "*" if path == "*" else _encoded(path, _PATH_SAFE)
        if escaped and not escaped.startswith("/") and host:
            out += "/"
        if not out and ":" in escaped.partition("/")[0]:
            out = "./"
        out += escaped
    return out + (f"?{query}" if query else "") + (f"#{_encoded(fragment, _FRAGMENT_SAFE)}" if fragment else "")


def _joined_userinfo(text: str) -> str:
    try:
        found = _parsed(f"proto://{text}@host")["userinfo"]
    except FunctionFailure as error:
        raise FunctionFailure(f"unable to parse userinfo in dict: {error}") from None
    return f"{found}@" if found else ""


def _part(parts: Map, name: str) -> str:
    value = parts.items.get(name, "")
    if not isinstance(value, str):
        raise FunctionFailure(f"unable to parse {name} key, must be of type string, but {kind_of(value)} found")
    return value
