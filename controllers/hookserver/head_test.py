"""Whatever arrives is a head or a refusal; and what is taken means the same to everybody."""

import re

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.hookserver.head import END, BadRequest, Head, parse_head
from controllers.hookserver.limits import Limits

LIMITS = Limits()
NAMES = st.sampled_from(
    ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "X-A", "", " X", "X ", "X\t", "\0", "é"]
)
VALUES = st.sampled_from(
    ["h", "0", "5", "+5", "5, 5", "0x5", "99999999999999999999", "chunked", "gzip, chunked", "identity", "close",
     "keep-alive", "100-continue", "", "a\nb", "a\rb", "a\r\n b", "\x7f", "é"]
)  # fmt: skip
TARGETS = st.sampled_from(
    ["/", "/hook/a?b#c", "*", "http://h/a", "HTTP://h", "http://", "//a", "h:1", "http://[/", "é"]
)
LINES = st.tuples(st.sampled_from(["POST", "GET", "P", "", "é"]), TARGETS, st.sampled_from(["1.1", "1.0", "2.0", "9"]))


def head(request: tuple[str, str, str], headers: list[tuple[str, str]]) -> bytes:
    method, target, version = request
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + END


def parse(raw: bytes) -> Head | BadRequest:
    try:
        return parse_head(raw, LIMITS)[0]
    except BadRequest as error:
        return error


@settings(max_examples=400, deadline=None)
@given(request=LINES, headers=st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_heads_of_all_kinds(request: tuple[str, str, str], headers: list[tuple[str, str]]) -> None:
    raw = head(request, headers)
    found = parse(raw)
    if isinstance(found, BadRequest):
        assert found.status in {400, 431, 501, 505}
        return
    assert re.fullmatch(r"[A-Z]+", found.method)
    framing = [name.lower() for name, _ in headers if name.lower() in {"content-length", "transfer-encoding"}]
    assert len(set(framing)) <= 1
    assert (found.length is None) == ("transfer-encoding" in framing)
    assert all("\n" not in value and "\r" not in value for _, value in headers)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_of_all_kinds(data: bytes) -> None:
    found = parse(data.replace(END, b"") + END)
    assert isinstance(found, Head | BadRequest)


def test_the_parser_goes_on_with_the_body() -> None:
    raw = head(("POST", "/", "1.1"), [("Host", "h"), ("Transfer-Encoding", "chunked")])
    _, parser = parse_head(raw, LIMITS)
    parser.receive_data(b"2\r\nab\r\n0\r\n\r\nrest")
    assert isinstance(event := parser.next_event(), h11.Data)
    assert bytes(event.data) == b"ab"
    assert isinstance(parser.next_event(), h11.EndOfMessage)
    assert parser.trailing_data[0] == b"rest"
