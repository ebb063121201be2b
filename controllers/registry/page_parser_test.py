"""Long pages, in pieces of any length: the same tags as if the whole had been decoded, held a token at a time."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.registry.page_parser import MAX_TOKEN_BYTES, NotATagPage, PageParser, TagTooLong

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
OTHERS = st.dictionaries(st.text(max_size=6).filter(lambda name: name not in {"tags", "errors"}), JSON, max_size=4)
TAGS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


def parse(body: bytes, step: int = 1 << 20) -> list[str]:
    parser, tags = PageParser(), []
    for at in range(0, len(body), step):
        tags += parser.feed(body[at : at + step])
    parser.finish()
    return tags


@given(OTHERS, TAGS, OTHERS, st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_the_tags_are_those_of_the_whole(
    before: dict[str, object], tags: list[str], after: dict[str, object], step: int, ascii_only: bool, indent: int
) -> None:
    body = json.dumps(before | {"tags": tags} | after, ensure_ascii=ascii_only, indent=indent).encode(
        "utf-8", "surrogatepass" if ascii_only else "replace"
    )
    assert parse(body, step) == tags


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        pytest.param(b'{"tags": []}', [], id="empty"),
        pytest.param(b' {"tags" : [ ] } ', [], id="blanks"),
        pytest.param(b'{"name": "a", "tags": null}', [], id="null"),
        pytest.param(b'{"name": "a"}', [], id="left-out"),
        pytest.param(b'{"tags": ["a" , "b"], "errors": []}', ["a", "b"], id="no-errors"),
        pytest.param(b'{"errors": null, "tags": ["a\\"]}", "\\u00e9"]}', ['a"]}', "é"], id="escapes"),
        pytest.param(b'{"t\\u0061gs": ["a"]}', ["a"], id="escaped-name"),
        pytest.param(b'{"manifest": {"x": ["tags", "]}"]}, "tags": ["a"]}', ["a"], id="tags-elsewhere"),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_pages(body: bytes, tags: list[str], step: int) -> None:
    assert parse(body, step) == tags


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": ' + b"[" * 1000 + b"]" * 1000 + b', "tags": []}',
        b"", b"[]", b"{}", b"<html>", b'{"tags": 5}', b'{"tags": [1]}', b'{"tags": ["a", 1]}', b'{"tags": ["a",]}',
        b'{"tags": ["a"', b'{"tags": ["a"]', b'{"tags": ["a"]} x', b'{"tags": ["a"]}}', b'{"tags": "a"}',
        b'{"tags": {"a": 1}}', b'{"tags": ["a"] "name": 1}', b'{"tags": ["\xff"]}', b'{"x": ]}', b'{"other": 1}',
        b'{"name": "a", "errors": [{"code": "DENIED"}]}', b'{"errors": {"a": 1}, "tags": []}',
        b'{"tags": ["a"], "tags": ["b"]}', b'{tags: []}', b'{"tags": nil}', b'{"name": "a',
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_no_page_is_refused(body: bytes, step: int) -> None:
    with pytest.raises(NotATagPage):
        parse(body, step)


def test_a_tag_without_an_end_is_not_collected() -> None:
    parser = PageParser()
    parser.feed(b'{"tags": ["')
    for _ in range(15):
        parser.feed(b"x" * (MAX_TOKEN_BYTES // 16))
    with pytest.raises(TagTooLong):
        parser.feed(b"x" * (MAX_TOKEN_BYTES // 16))


@pytest.mark.parametrize(
    "start", [b'{"a": "', b'{"a": [[', b" ", b'{"tags": [', b'{"a": 1'], ids=["text", "list", "blank", "tags", "number"]
)
def test_what_is_skipped_is_not_held(start: bytes) -> None:
    parser = PageParser()
    parser.feed(start)
    for _ in range(100):
        parser.feed((b"1" if start[-1:] == b"1" else b" ") * 10_000)
        assert len(parser._rest) <= MAX_TOKEN_BYTES


def test_a_page_that_is_mostly_brackets_is_given_up() -> None:
    parser = PageParser()
    parser.feed(b'{"a": [')
    with pytest.raises(NotATagPage, match="mostly brackets"):
        parser.feed(b"[[]]," * 1000)


def test_a_page_of_a_hundred_thousand_images() -> None:
    images = {
        f"sha256:{number:064}": {"imageSizeBytes": "1", "layerId": "", "tag": [f"v{number}"]} for number in range(1000)
    }
    page = {"child": [], "manifest": images, "name": "app", "tags": [f"v{number}" for number in range(1000)]}
    assert parse(msgspec.json.encode(page), 65_536) == page["tags"]
