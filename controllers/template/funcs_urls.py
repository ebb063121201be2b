"""Sprig's URLs, by the rules of Go's `net/url`.

Reference: https://masterminds.github.io/sprig/url.html.
"""

import re
from urllib.parse import quote, unquote_to_bytes

from controllers.template import gotext
from controllers.template.errors import FunctionFailure
from controllers.template.runs import Library, Run
from controllers.template.types import DICT, STRING
from controllers.template.values import Map, dictionary, kind_of

LIBRARY = Library()
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)
_PORT = re.compile(r":\d*", re.ASCII)
_USER_SAFE, _PATH_SAFE, _FRAGMENT_SAFE, _HOST_SAFE = "$&+,;=", "$&+,/:;=@", "$&+,/:;=?@!()*", "!$&'()*+,;=:[]<>\""


@LIBRARY.add("urlParse", STRING)
def _url_parse(run: Run, text: str) -> Map:
    run.budget.spend(len(text) // 4)
    try:
        return dictionary(_parts(text))
    except FunctionFailure as error:
        raise FunctionFailure(f"unable to parse url: parse {gotext.quote(text)}: {error}") from None


def _parts(text: str) -> dict[str, object]:
    if any(char < " " or char == "\x7f" for char in text):
        raise FunctionFailure("net/url: invalid control character in URL")
    rest, _, fragment = text.partition("#")
    scheme, rest = _scheme(rest)
    rest, _, query = rest.partition("?")
    parts: dict[str, object] = dict.fromkeys(("host", "hostname", "path", "opaque", "userinfo"), "")
    parts |= {"scheme": scheme, "query": query, "fragment": _decoded(fragment)}
    if not rest.startswith("/"):
        if scheme:
            return parts | {"opaque": rest}
        if ":" in rest.partition("/")[0]:
            raise FunctionFailure("first path segment in URL cannot contain colon")
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        parts |= _authority(authority)
        rest = slash + path
    return parts | {"path": _decoded(rest)}


def _scheme(text: str) -> tuple[str, str]:
    match = _SCHEME.match(text)
    if match is not None:
        return match[0][:-1].lower(), text[match.end() :]
    if text.startswith(":"):
        raise FunctionFailure("missing protocol scheme")
    return "", text


def _authority(text: str) -> dict[str, object]:
    user, at, host = text.rpartition("@")
    if host.startswith("["):
        close = host.find("]")
        if close < 0:
            raise FunctionFailure("missing ']' in host")
        name, port = host[1:close], host[close + 1 :]
    else:
        name, colon, tail = host.partition(":")
        port = colon + tail
    if port and not _PORT.fullmatch(port):
        raise FunctionFailure(f"invalid port {gotext.quote(port)} after host")
    return {"host": host, "hostname": name, "userinfo": _userinfo(user) if at else ""}


def _userinfo(text: str) -> str:
    name, colon, password = text.partition(":")
    return _encoded(_decoded(name), _USER_SAFE) + (colon + _encoded(_decoded(password), _USER_SAFE) if colon else "")


def _decoded(text: str) -> str:
    fault = _BAD_ESCAPE.search(text)
    if fault is not None:
        raise FunctionFailure(f"invalid URL escape {gotext.quote(fault[0])}")
    return gotext.decode(unquote_to_bytes(gotext.encode(text)))


def _encoded(text: str, safe: str) -> str:
    return quote(gotext.encode(text), safe=safe)


@LIBRARY.add("urlJoin", DICT)
def _url_join(run: Run, parts: Map) -> str:
    scheme, host, path, query, opaque, fragment, userinfo = (
        _part(parts, name) for name in ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")
    )
    run.budget.spend(len(path) + len(fragment) + len(host) + len(userinfo))
    out = f"{scheme}:" if scheme else ""
    if opaque:
        out += opaque
    else:
        if (scheme or host or userinfo) and (host or path or userinfo):
            out += "//" + (_userinfo(userinfo) + "@" if userinfo else "") + _encoded(host, _HOST_SAFE)
        escaped = "*" if path == "*" else _encoded(path, _PATH_SAFE)
        if escaped and not escaped.startswith("/") and host:
            out += "/"
        if not out and ":" in escaped.partition("/")[0]:
            out = "./"
        out += escaped
    return out + (f"?{query}" if query else "") + (f"#{_encoded(fragment, _FRAGMENT_SAFE)}" if fragment else "")


def _part(parts: Map, name: str) -> str:
    value = parts.items.get(name, "")
    if not isinstance(value, str):
        raise FunctionFailure(f"unable to parse {name} key, must be of type string, but {kind_of(value)} found")
    return value
