"""PEM: which blocks a text has, and that finding them takes no longer than the text is long."""

import base64

import pytest

from controllers.net.pem import Block, MalformedPem, read_blocks, write_blocks
from testing.costs import costs_less_than

KEY = Block("PRIVATE KEY", b"\x30\x01\x02" * 40)
FOLDED = (
    b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,\n 00FF\n\n"
    + base64.b64encode(b"secret")
    + b"\n-----END RSA PRIVATE KEY-----\n"
)
MIB = 1 << 20
SECONDS = 2.0


def test_blocks_come_back_as_they_were_written() -> None:
    blocks = [KEY, Block("CERTIFICATE", b"x"), Block("RSA PRIVATE KEY", b"y", (b"Proc-Type: 4,ENCRYPTED",))]
    assert read_blocks(b"a comment\n" + write_blocks(blocks) + b"another one") == blocks


def test_a_header_may_go_on_in_the_next_line() -> None:
    (block,) = read_blocks(FOLDED)
    assert block.headers == (b"Proc-Type: 4,ENCRYPTED", b"DEK-Info: AES-128-CBC, 00FF")
    assert (block.data, block.is_encrypted) == (b"secret", True)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(b"-----BEGIN CERTIFICATE-----\n", id="of-another-label"),
        pytest.param(
            b"-----BEGIN CERTIFICATE-----\neA==\n-----END PRIVATE KEY-----\n", id="with-an-end-of-another-label"
        ),
        pytest.param(b"-----BEGIN CERTIFICATE", id="with-dashes-in-common"),
        pytest.param(b"-----END PRIVATE KEY-----\n", id="none"),
    ],
)
def test_a_beginning_without_its_end_hides_no_block(before: bytes) -> None:
    assert read_blocks(before + write_blocks([KEY])) == [KEY]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"-----BEGIN A-----\n" * (MIB // 18), id="beginnings-without-an-end"),
        pytest.param(b"-----BEGIN A-----\n" * (MIB // 18) + b"-----END B-----", id="beginnings-before-another-end"),
        pytest.param(b"-----BEGIN A-----\n-----END B-----\n" * (MIB // 34), id="ends-of-others"),
        pytest.param(b"-----BEGIN " * (MIB // 11), id="beginnings-of-beginnings"),
        pytest.param(b"-" * MIB, id="dashes"),
    ],
)
def test_texts_without_a_block_are_searched_in_time(text: bytes) -> None:
    with costs_less_than(SECONDS):
        assert read_blocks(text) == []


@pytest.mark.parametrize("line", [b"A:\n", b" b\n", b"A: b\n"])
def test_headers_without_end_are_refused_in_time(line: bytes) -> None:
    text = b"-----BEGIN A-----\nA:\n" + line * (MIB // len(line)) + b"-----END A-----\n"
    refused = pytest.raises(MalformedPem, match="the block 'A' has more than 16 lines of headers")
    with costs_less_than(SECONDS), refused:
        read_blocks(text)
