"""What is sent to proxies, byte for byte, and how their refusals read."""

import base64
from collections.abc import Callable
from functools import partial

import pytest

from controllers.net.proxy import httpconnect, socks5
from controllers.net.proxy.handshake import Handshake, ProxyRefused


def play(steps: Handshake, answers: bytes) -> tuple[bytes, bytes]:
    """Return all that was sent, and what was left of the proxy's answers when the handshake ended."""
    sent, length = next(steps)
    while True:
        answer, answers = answers[:length], answers[length:]
        assert len(answer) == length, "it waits for more than the proxy says"
        try:
            data, length = steps.send(answer)
        except StopIteration:
            return sent, answers
        sent += data


SOCKS_OK = b"\x05\0\0\x01\x7f\0\0\x01\x04\x38"


@pytest.mark.parametrize(
    ("host", "username", "answers", "sent"),
    [
        pytest.param("git.example", "", b"\x05\0" + SOCKS_OK,
                     b"\x05\x01\0" b"\x05\x01\0\x03\x0bgit.example\0\x16", id="name"),
        pytest.param("192.0.2.1", "", b"\x05\0" + SOCKS_OK,
                     b"\x05\x01\0" b"\x05\x01\0\x01\xc0\0\x02\x01\0\x16", id="ipv4"),
        pytest.param("::1", "", b"\x05\0" + SOCKS_OK,
                     b"\x05\x01\0" b"\x05\x01\0\x04" + b"\0" * 15 + b"\x01\0\x16", id="ipv6"),
        pytest.param("h", "me", b"\x05\x02" b"\x01\0" + SOCKS_OK,
                     b"\x05\x02\0\x02" b"\x01\x02me\x02pw" b"\x05\x01\0\x03\x01h\0\x16", id="login"),
        pytest.param("h", "me", b"\x05\0" + SOCKS_OK,
                     b"\x05\x02\0\x02" b"\x05\x01\0\x03\x01h\0\x16", id="login-is-not-asked-for"),
        pytest.param("h", "", b"\x05\0" b"\x05\0\0\x03\x05proxy\x04\x38",
                     b"\x05\x01\0" b"\x05\x01\0\x03\x01h\0\x16", id="bound-to-a-name"),
        pytest.param("h", "", b"\x05\0" b"\x05\0\0\x04" + b"\0" * 18,
                     b"\x05\x01\0" b"\x05\x01\0\x03\x01h\0\x16", id="bound-to-ipv6"),
    ],
)  # fmt: skip
def test_socks5(host: str, username: str, answers: bytes, sent: bytes) -> None:
    """Read nothing of what follows: a server may speak first."""
    assert play(socks5.handshake(host, 22, username=username, password="pw"), answers + b"SSH-2.0") == (
        sent,
        b"SSH-2.0",
    )


@pytest.mark.parametrize(
    ("host", "target"),
    [
        pytest.param("git.example", b"git.example:22", id="name"),
        pytest.param("2001:db8::1", b"[2001:db8::1]:22", id="ipv6"),
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="short"),
        pytest.param(b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", id="old"),
        pytest.param(
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 OK\r\nContent-Length: 0\r\n\r\n", id="after-interim"
        ),
    ],
)
def test_connect(host: str, target: bytes, answer: bytes) -> None:
    sent, left = play(httpconnect.handshake(host, 22, username="me", password="p:w"), answer + b"SSH-2.0")
    lines = sent.split(b"\r\n")
    assert lines[0] == b"CONNECT " + target + b" HTTP/1.1"
    assert b"Host: " + target in lines
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p:w") in lines
    assert sent.endswith(b"\r\n\r\n")
    assert left == b"SSH-2.0"


def test_connect_without_a_login() -> None:
    sent, _ = play(httpconnect.handshake("h", 22), b"HTTP/1.1 200 OK\r\n\r\n")
    assert b"Authorization" not in sent


SOCKS = partial(socks5.handshake, "h", 22)
LOGIN = partial(SOCKS, username="me", password="hush")
CONNECT = partial(httpconnect.handshake, "h", 22, username="me", password="hush")


@pytest.mark.parametrize(
    ("start", "answers", "reason"),
    [
        pytest.param(SOCKS, b"HTTP/1.1 400 Bad Request", "the answer is not SOCKS5", id="socks-by-http"),
        pytest.param(SOCKS, b"\x05\xff", "no acceptable authentication methods", id="socks-wants-a-login"),
        pytest.param(LOGIN, b"\x05\x02\x01\x01", "username/password authentication failed", id="socks-login"),
        pytest.param(SOCKS, b"\x05\0\x05\x02\0\x01", "connection not allowed by ruleset", id="socks-rules"),
        pytest.param(SOCKS, b"\x05\0\x05\x63\0\x01", "unknown code: 99", id="socks-code"),
        pytest.param(partial(SOCKS, username="m" * 256), b"\x05\x02", "a name is longer than 255 bytes",
                     id="socks-long"),
        pytest.param(CONNECT, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                     "407 Proxy Authentication Required", id="connect-login"),
        pytest.param(CONNECT, b"HTTP/1.1 502 hunter2\r\n\r\n", "502 Bad Gateway", id="connect-other-words"),
        pytest.param(CONNECT, b"HTTP/1.1 599\r\n\r\n", "599", id="connect-no-words"),
        pytest.param(CONNECT, b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP", id="connect-by-ssh"),
        pytest.param(CONNECT, b"HTTP/1.1 200 OK\r\nA: " + b"a" * 20_000, "the answer is not HTTP", id="connect-long"),
    ],
)  # fmt: skip
def test_refusals(start: Callable[[], Handshake], answers: bytes, reason: str) -> None:
    with pytest.raises(ProxyRefused) as caught:
        play(start(), answers)
    assert str(caught.value) == reason
