"""HTTP's CONNECT (RFC 9110 section 9.3.6) with Basic credentials.

For servers that speak first, as SSH servers do: nothing after the proxy's answer is read. The HTTP clients at hand read
ahead and would lose what the server says first.
"""

import h11

from controllers.net.headers import basic_authorization
from controllers.net.library_errors import STATUS_WORDS
from controllers.net.proxy.handshake import Handshake, ProxyRefused

MAX_ANSWER_BYTES = 16 << 10


def handshake(host: str, port: int, *, username: str = "", password: str = "") -> Handshake:
    """Ask for a tunnel to a host. Raises ProxyRefused, with the status in RFC 9110's words.

    The words of the answer may be those of any HTTP server, if somebody names one as a proxy.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_ANSWER_BYTES)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", target), ("User-Agent", "tagline")]
    if username:
        headers.append(("Proxy-Authorization", basic_authorization(username, password)))
    data = connection.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b""
    connection.send(h11.EndOfMessage())
    while True:
        connection.receive_data((yield data, 1))
        data = b""
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            raise ProxyRefused("the answer is not HTTP") from None
        if isinstance(event, h11.Response):
            break
    if not 200 <= event.status_code < 300:
        raise ProxyRefused(f"{event.status_code} {STATUS_WORDS.get(str(event.status_code), '')}".strip())
