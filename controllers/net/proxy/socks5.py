"""SOCKS5 (RFC 1928) with user name and password (RFC 1929).

Only CONNECT. The name of the host is given to the proxy to resolve, as Go does, also where the scheme is not socks5h.
"""

from ipaddress import ip_address

from controllers.net.proxy.handshake import Handshake, ProxyRefused

VERSION = 5
NO_AUTHENTICATION, PASSWORD = 0, 2
IPV4, DOMAIN_NAME, IPV6 = 1, 3, 4
ADDRESS_BYTES = {IPV4: 4, IPV6: 16}
DEFAULT_PORT = 1080
FAILURES = {
    1: "general SOCKS server failure",
    2: "connection not allowed by ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


def handshake(host: str, port: int, *, username: str = "", password: str = "") -> Handshake:
    """Ask for a connection to a host. Raises ProxyRefused."""
    methods = bytes([NO_AUTHENTICATION, PASSWORD]) if username else bytes([NO_AUTHENTICATION])
    version, method = yield bytes([VERSION, len(methods)]) + methods, 2
    if version != VERSION:
        raise ProxyRefused("the answer is not SOCKS5")
    if method == PASSWORD and username:
        _, status = yield b"\x01" + _length_prefixed(username) + _length_prefixed(password), 2
        if status != 0:
            raise ProxyRefused("username/password authentication failed")
    elif method != NO_AUTHENTICATION:
        raise ProxyRefused("no acceptable authentication methods")
    _, reply, _, kind = yield bytes([VERSION, 1, 0]) + _address(host) + port.to_bytes(2, "big"), 4
    if reply != 0:
        raise ProxyRefused(FAILURES.get(reply, f"unknown code: {reply}"))
    length = ADDRESS_BYTES.get(kind) or (yield b"", 1)[0]
    yield b"", length + 2


def _address(host: str) -> bytes:
    try:
        literal = ip_address(host)
    except ValueError:
        return bytes([DOMAIN_NAME]) + _length_prefixed(host)
    return bytes([IPV4 if literal.version == 4 else IPV6]) + literal.packed


def _length_prefixed(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise ProxyRefused("a name is longer than 255 bytes")
    return bytes([len(data)]) + data
