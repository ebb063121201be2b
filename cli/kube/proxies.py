"""Whether a request goes through a proxy, and how a proxy is asked for a tunnel.

A kubeconfig's `proxy-url` comes first, then HTTPS_PROXY, HTTP_PROXY and NO_PROXY with the rules of Go's clients, as in
kubectl: https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
"""

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from cli.kube.http1 import Response, Stream
from controllers.runtime.kube.errors import NotConfigured

DEFAULT_PORTS = {"http": 80, "https": 443}


class ProxyRefused(Exception):
    """The proxy does not connect us; the message says why, in words of our own."""


def proxy_from_environment(server: SplitResult, environ: Mapping[str, str]) -> str:
    """Return the proxy's URL for an API server, "" for none. Raises NotConfigured for one that cannot be used."""
    variable = "HTTPS_PROXY" if server.scheme == "https" else "HTTP_PROXY"
    address = _either(environ, variable)
    host, port = server.hostname or "", server.port or DEFAULT_PORTS.get(server.scheme, 0)
    if not address or _is_local(host) or is_exempt(host, port, _either(environ, "NO_PROXY")):
        return ""
    return check_proxy(address if "://" in address else f"http://{address}", f"the variable {variable}")


def check_proxy(url: str, source: str) -> str:
    """Return a proxy's URL that can be used. Raises NotConfigured, without the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        fit = parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        fit = False
    if not fit:
        raise NotConfigured(f"{source} is not the URL of a proxy; write it as http://HOST:PORT")
    if parts.scheme not in DEFAULT_PORTS:
        raise NotConfigured(f"{source} names a proxy of another kind than HTTP; use one with http:// or https://")
    return url


def is_exempt(host: str, port: int, exceptions: str) -> bool:
    """Return whether NO_PROXY names a host: by name, by domain, by address or network, each with or without a port."""
    return any(_matches(host.lower().rstrip("."), port, rule.strip().lower()) for rule in exceptions.split(","))


def tunnel(stream: Stream, proxy: SplitResult, host: str, port: int) -> None:
    """Ask a proxy for a connection to a host (RFC 9110 section 9.3.6). Raises ProxyRefused."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    stream.send("CONNECT", target, [("Host", target), *authorization(proxy)])
    status = Response(stream).status
    if not 200 <= status < 300:
        from controllers.net.library_errors import STATUS_WORDS  # noqa: PLC0415 -- not needed when it goes well

        raise ProxyRefused(f"{status} {STATUS_WORDS.get(str(status), '')}".strip())


def authorization(proxy: SplitResult) -> list[tuple[str, str]]:
    """Return the header for the login in a proxy's URL, if there is one."""
    if not proxy.username:
        return []
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [("Proxy-Authorization", "Basic " + b64encode(login.encode()).decode())]


def _either(environ: Mapping[str, str], variable: str) -> str:
    return environ.get(variable) or environ.get(variable.lower()) or ""


def _is_local(host: str) -> bool:
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _matches(host: str, port: int, rule: str) -> bool:
    if not rule:
        return False
    if rule == "*":
        return True
    if "/" in rule:
        return _is_within(host, rule)
    name, at_port = _split_port(rule)
    if at_port and at_port != str(port):
        return False
    address = _address(name)
    if address is not None:
        return address == _address(host)
    # `example.com` means the domain and what is below it, `.example.com` and `*.example.com` only the latter.
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split_port(rule: str) -> tuple[str, str]:
    if rule.startswith("["):
        name, _, port = rule[1:].partition("]")
        return name, port.removeprefix(":")
    name, colon, port = rule.rpartition(":")
    return (name, port) if colon and ":" not in name else (rule, "")


def _is_within(host: str, network: str) -> bool:
    address = _address(host)
    try:
        return address is not None and address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
