import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.meta import ObjectMeta
from controllers.runtime.key import Key
from controllers.runtime.kube import errors
from controllers.runtime.kube.serializer import (
    Bookmark,
    LineSplitter,
    ObjectEvent,
    UnreadableObject,
    decode,
    decode_error,
    decode_event,
    decode_page,
    encode,
)
from testing.thing import Thing, ThingSpec


def thing(name: str, version: int, **spec: object) -> dict[str, object]:
    meta = {"name": name, "namespace": "ns", "resourceVersion": str(version), "managedFields": [{"a": "b"}]}
    return {"kind": "Thing", "apiVersion": "x/v1", "metadata": meta, "spec": spec}


def sized(name: str, version: int, size: int) -> Thing:
    meta = ObjectMeta(name=name, namespace="ns", resource_version=str(version))
    return Thing(api_version="x/v1", metadata=meta, spec=ThingSpec(size=size))


def event(kind: str, obj: object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode()


def test_page_holds_items_moment_and_token() -> None:
    data = json.dumps({"metadata": {"resourceVersion": "7", "continue": "next"}, "items": [thing("a", 5, size=1)]})
    page = decode_page(data.encode(), Thing, operation="list things")
    assert page.items == [sized("a", 5, 1)]
    assert (page.resource_version, page.continue_, page.unreadable) == ("7", "next", ())


@pytest.mark.parametrize("items", ["null", "[]"])
def test_empty_page(items: str) -> None:
    page = decode_page(
        b'{"metadata":{"resourceVersion":"7"},"items":%s}' % items.encode(), Thing, operation="list things"
    )
    assert (page.items, page.continue_) == ([], "")


def test_one_odd_object_does_not_hide_its_neighbours() -> None:
    data = json.dumps({"metadata": {"resourceVersion": "7"}, "items": [thing("bad", 5, size="xl"), thing("good", 6)]})
    page = decode_page(data.encode(), Thing, operation="list things")
    assert [item.metadata.name for item in page.items] == ["good"]
    (bad,) = page.unreadable
    assert (bad.key, bad.resource_version) == (Key("ns", "bad"), "5")
    assert "$.spec.size" in bad.error


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
def test_changes_carry_object_and_version(kind: str) -> None:
    assert decode_event(event(kind, thing("a", 9, size=2)), Thing, operation="watch things") == ObjectEvent(
        kind,  # type: ignore[arg-type]
        sized("a", 9, 2),
        "9",
    )


def test_bookmark_needs_no_valid_object() -> None:
    line = event("BOOKMARK", {"kind": "Thing", "metadata": {"resourceVersion": "12", "creationTimestamp": None}})
    assert decode_event(line, Thing, operation="watch things") == Bookmark("12")


def test_unreadable_change_keeps_its_coordinates() -> None:
    got = decode_event(event("MODIFIED", thing("a", 9, size="xl")), Thing, operation="watch things")
    assert isinstance(got, UnreadableObject)
    assert (got.key, got.resource_version) == (Key("ns", "a"), "9")


@pytest.mark.parametrize(
    ("line", "want"),
    [
        pytest.param(event("ERROR", {"code": 410, "reason": "Expired"}), errors.Gone, id="gone"),
        pytest.param(event("ERROR", {"code": 500, "reason": "InternalError"}), errors.ServerError, id="other-error"),
        pytest.param(
            event("ERROR", {"code": 504, "details": {"retryAfterSeconds": 1}}),
            errors.ServerError,
            id="version-in-future",
        ),
        pytest.param(event("SURPRISE", {}), errors.Unreadable, id="unknown-type"),
        pytest.param(b'{"type":"ADDED"', errors.Unreadable, id="not-json"),
        pytest.param(event("ADDED", []), errors.Unreadable, id="no-metadata"),
        pytest.param(b'{"type":"ADDED","object":{"metadata":{"name":"\xff"}}}', errors.Unreadable, id="not-utf8"),
    ],
)
def test_lines_that_are_errors(line: bytes, want: type[errors.ApiError]) -> None:
    with pytest.raises(errors.ApiError, match=r"^watch things: ") as caught:
        decode_event(line, Thing, operation="watch things")
    assert type(caught.value) is want


def test_object_of_another_shape_says_what_is_wrong() -> None:
    with pytest.raises(errors.Unreadable, match=r"get things a: 200 Unreadable: answer is not a Thing: .*size"):
        decode(b'{"metadata":{"name":"a"},"spec":{"size":"xl"}}', Thing, operation="get things a")


@pytest.mark.parametrize(
    ("body", "header", "want"),
    [
        pytest.param(b"{}", "2", 2.0, id="header"),
        pytest.param(b'{"details":{"retryAfterSeconds":3}}', None, 3.0, id="status-object"),
        pytest.param(b'{"details":{"retryAfterSeconds":3}}', "1", 1.0, id="header-wins"),
        pytest.param(b"{}", "Wed, 21 Oct 2015 07:28:00 GMT", None, id="date-is-no-hint"),
        pytest.param(b"{}", "-1", None, id="negative"),
        pytest.param(b"{}", "nan", None, id="nan"),
        pytest.param(b"{}", None, None, id="none"),
    ],
)
def test_retry_after(body: bytes, header: str | None, want: float | None) -> None:
    assert decode_error(body, operation="get x", status=429, retry_after=header).retry_after == want


def test_error_text_of_a_proxy_is_kept_on_one_line() -> None:
    error = decode_error(b"<html>\n Bad  Gateway\n</html>", operation="get x", status=502)
    assert str(error) == "get x: 502 ServerError: <html> Bad Gateway </html>"


def test_structs_and_plain_values_encode() -> None:
    assert json.loads(encode({"metadata": ObjectMeta(name="a"), "gone": None})) == {
        "metadata": {"name": "a"},
        "gone": None,
    }


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b" "))), st.lists(st.integers(0, 200)))
def test_lines_do_not_depend_on_chunking(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    splitter = LineSplitter(operation="watch x")
    got = [line for start, end in pairwise(edges) for line in splitter.feed(data[start:end])]
    assert got == [line for line in lines if line.strip()]


def test_line_of_three_mebibytes_is_accepted_in_any_number_of_chunks() -> None:
    splitter = LineSplitter(operation="watch x")
    for _ in range(3 * 1024):
        assert splitter.feed(b"x" * 1024) == []
    assert [len(line) for line in splitter.feed(b"\nnext")] == [3 << 20]


def test_longer_line_is_refused() -> None:
    splitter = LineSplitter(operation="watch x", limit=10)
    splitter.feed(b"12345")
    with pytest.raises(errors.TooLarge, match="watch line of more than 10 bytes"):
        splitter.feed(b"678901")
