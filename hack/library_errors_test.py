"""`controllers.net.library_errors`: of what libraries raise, the known stays useful, and nothing else is shown."""

import errno
import json
import socket
import ssl
from collections.abc import Callable

import aiohttp
import h11
import httpx
import msgspec
import paramiko  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from controllers.net.library_errors import describe, format_traceback, name_and_text
from controllers.net.proxy.address import BadProxy, Proxy

SECRET = "TOPSECRET-1234"


class Typed(msgspec.Struct):
    number: int = 0


def raised(call: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def header(value: str) -> BaseException:
    connection = h11.Connection(h11.CLIENT)
    return raised(lambda: connection.send(h11.Request(method="GET", target="/", headers=[("A", value), ("Host", "h")])))


@pytest.mark.parametrize(
    ("error", "want"),
    [
        pytest.param(lambda: OSError(errno.ECONNREFUSED, f"to {SECRET}"), "Connection refused", id="system"),
        pytest.param(lambda: socket.gaierror(-2, "Name or service not known"), "Name or service not known", id="name"),
        pytest.param(lambda: TimeoutError(SECRET), "no answer in time", id="time"),
        pytest.param(lambda: ssl.SSLError(1, SECRET), "tls handshake failed", id="tls"),
        pytest.param(lambda: header(f"{SECRET}\n"), "LocalProtocolError", id="h11"),
        pytest.param(lambda: httpx.LocalProtocolError(SECRET), "the request cannot be written as HTTP", id="httpx"),
        pytest.param(lambda: raised(lambda: httpx.URL(f"http://{SECRET}:{SECRET}\n@h")), "not a valid URL", id="url"),
        pytest.param(lambda: raised(lambda: json.loads("[1,")), "Expecting value at line 1, column 4", id="json"),
        pytest.param(
            lambda: raised(lambda: msgspec.json.decode(b'{"number": "x"}', type=Typed)),
            "Expected `int`, got `str` - at `$.number`", id="msgspec",
        ),
        pytest.param(
            lambda: raised(lambda: yaml.safe_load(f"a: *{SECRET}\n")),
            "found undefined alias '…' (line 1, column 4)", id="yaml",
        ),
        pytest.param(
            lambda: paramiko.SSHException("Error reading SSH protocol banner"), "Error reading SSH protocol banner",
            id="paramiko",
        ),
        pytest.param(
            lambda: paramiko.SSHException(f'Indecipherable protocol version "{SECRET}"'), "SSHException",
            id="paramiko-that-quotes",
        ),
        pytest.param(lambda: aiohttp.ServerDisconnectedError(SECRET), "the server closed the connection", id="aiohttp"),
        pytest.param(lambda: ValueError(f"invalid literal {SECRET}"), "ValueError", id="built-in"),
        pytest.param(lambda: KeyError(SECRET), "KeyError", id="key"),
        pytest.param(
            lambda: raised(lambda: Proxy(f"http://{SECRET}:x")), "the address of the proxy is not a URL", id="ours"
        ),
    ],
)  # fmt: skip
def test_words(error: Callable[[], BaseException], want: str) -> None:
    assert describe(error()) == want


def test_the_first_known_cause_counts() -> None:
    inner = OSError(errno.ECONNRESET, SECRET)
    outer = ValueError(SECRET)
    outer.__cause__ = ExceptionGroup(SECRET, [KeyError(SECRET), inner])
    assert describe(outer) == "Connection reset by peer"
    inner.__context__ = outer
    assert describe(KeyError(outer)) == "Connection reset by peer", "a circle ends"


def test_a_traceback_shows_places_and_classes() -> None:
    def fail() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"bad {SECRET}") from error

    text = format_traceback(raised(fail))
    assert "in fail" in text
    assert text.index("\nKeyError\n") < text.index("which led to:")
    assert text.endswith("\nValueError")
    assert f"'{SECRET}'" not in text.replace("SECRET}", "")
    assert name_and_text(BadProxy("no host")) == "BadProxy: no host"
