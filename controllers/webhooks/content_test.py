"""Codings, characters and forms of bodies: what is understood, and what is refused."""

import gzip
import json
import zlib

import pytest

from controllers.webhooks.content import document, expand, to_utf8
from controllers.webhooks.limits import MAX_BODY_BYTES
from controllers.webhooks.payload import parse
from controllers.webhooks.verdict import Refusal

JSON = b'{"name": "\xc3\xbc"}'
TEXT = JSON.decode()
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
RAW_DEFLATE = RAW.compress(JSON) + RAW.flush()
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", JSON),
        ("identity", JSON),
        ("gzip", gzip.compress(JSON)),
        ("GZIP", gzip.compress(JSON)),
        ("x-gzip", gzip.compress(JSON)),
        ("deflate", zlib.compress(JSON)),
        ("deflate", RAW_DEFLATE),
        ("identity, gzip", gzip.compress(JSON)),
    ],
)
def test_a_body_is_expanded(coding: str, body: bytes) -> None:
    assert expand(body, coding) == JSON


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        pytest.param("br", JSON, 415, id="unknown"),
        pytest.param("gzip, gzip", gzip.compress(gzip.compress(JSON)), 415, id="twice"),
        pytest.param("gzip", JSON, 400, id="not-compressed"),
        pytest.param("gzip", gzip.compress(JSON)[:-9], 400, id="cut"),
        pytest.param("gzip", b"", 400, id="empty"),
        pytest.param("gzip", gzip.compress(bytes(MAX_BODY_BYTES + 1)), 413, id="bomb"),
        pytest.param("deflate", zlib.compress(bytes(200 * MAX_BODY_BYTES)), 413, id="larger-bomb"),
    ],
)
def test_a_body_that_cannot_be_expanded_is_refused(coding: str, body: bytes, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        expand(body, coding)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_other_forms_of_unicode_are_read(encoding: str) -> None:
    assert to_utf8(TEXT.encode(encoding)) == JSON


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("latin-1", "application/json; charset=iso-8859-1"),
        ("latin-1", 'application/json;charset="ISO-8859-1"'),
        ("cp1252", "application/json; charset=windows-1252"),
        ("utf-16-be", "application/json; charset=utf-16"),
        ("utf-8", "application/json; charset=utf-8"),
        ("utf-8", "application/json; charset=unheard-of"),
        ("utf-8", "application/json; charset=utf-7"),
        ("utf-8", "application/json; charset=idna"),
    ],
)
def test_a_charset_of_the_content_type_is_used_where_it_is_known(encoding: str, content_type: str) -> None:
    assert to_utf8(TEXT.encode(encoding), content_type) == JSON


@pytest.mark.parametrize("text", [b"\xff\xfe{", b"\x00\x00", b"", b"\xff", b"{\x00}"])
def test_what_cannot_be_read_raises_nothing(text: bytes) -> None:
    to_utf8(text, "application/json; charset=utf-16")


def test_octets_that_are_no_characters_spoil_only_their_own_field() -> None:
    assert parse(b'{"by": "M\xfcller", "tag": "1.0"}') == {"by": "M\ufffdller", "tag": "1.0"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(FORM, b"payload=%7B%22a%22%3A+1%7D", id="form"),
        pytest.param(f"{FORM}; charset=utf-8", b"other=1&payload=%7b%22a%22:1%7d", id="second-field"),
        pytest.param("", b"payload=%7B%22a%22%3A1%7D", id="form-without-its-type"),
        pytest.param(FORM, b' {"a": 1}', id="json-called-a-form"),
        pytest.param("text/plain", b'{"a": 1}', id="json-called-text"),
        pytest.param("application/cloudevents+json", b'\n{"a": 1}', id="json-of-a-kind"),
    ],
)
def test_json_is_found_in_forms_and_without_them(content_type: str, body: bytes) -> None:
    assert json.loads(document(body, content_type)) == {"a": 1}


def test_a_form_without_a_payload_is_refused() -> None:
    with pytest.raises(Refusal, match="no field `payload`"):
        document(b"a=b", FORM)
