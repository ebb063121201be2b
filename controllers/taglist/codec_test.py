"""Tag lists in pieces: what goes in comes out, and half a list never does."""

import base64
from dataclasses import replace

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from controllers.taglist.codec import Chunk, IncompleteTagList, decode, encode

TAGS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), unique=True).map(
    lambda tags: tuple(sorted(tags, reverse=True))
)
TIMES = st.one_of(st.none(), st.integers(min_value=-1, max_value=2**40), st.just(1_700_000_000))
LIST = tuple(sorted((f"main-{n * 7919:x}" for n in range(400)), reverse=True))


def pieces(revision: str = "1", moment: int | None = 5) -> list[Chunk]:
    found = encode(LIST, dict.fromkeys(LIST, moment), revision=revision, max_bytes=700)
    assert len(found) > 2
    return found


def packed(content: object) -> str:
    return base64.b64encode(zstandard.compress(msgspec.msgpack.encode(content))).decode()


@given(TAGS, st.data(), st.sampled_from([400, 900_000]))
def test_a_list_comes_back_as_it_was(tags: tuple[str, ...], data: st.DataObject, max_bytes: int) -> None:
    first_seen = {tag: data.draw(TIMES) for tag in tags}
    chunks = encode(tags, first_seen, revision="r", max_bytes=max_bytes)
    assert max(len(chunk.data) + len(chunk.first_seen) for chunk in chunks) <= max_bytes
    shuffled = data.draw(st.permutations(chunks))
    found = decode(shuffled)
    assert (found.tags, found.first_seen, found.revision) == (tags, first_seen, "r")


def test_no_tags_are_one_chunk() -> None:
    (chunk,) = encode((), {}, revision="18153657")
    assert (chunk.chunks, chunk.count, chunk.first_seen) == (1, 0, "")
    assert decode([chunk]).tags == ()


def test_unknown_ages_take_no_room() -> None:
    (chunk,) = encode(("b", "a"), {}, revision="r")
    assert chunk.first_seen == ""
    assert decode([chunk]).first_seen == {"b": None, "a": None}


def test_a_tag_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit into 40 bytes"):
        encode(("x", "0b9f35a1c7e24d68"), {}, revision="r", max_bytes=40)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda chunks: [], id="nothing"),
        pytest.param(lambda chunks: chunks[:-1], id="last-missing"),
        pytest.param(lambda chunks: chunks[1:], id="first-missing"),
        pytest.param(lambda chunks: [*chunks, chunks[0]], id="one-too-many"),
        pytest.param(lambda chunks: [chunks[0], chunks[0], *chunks[2:]], id="repeated"),
        pytest.param(lambda chunks: [*chunks[:-1], pieces("2")[-1]], id="of-another-revision"),
        pytest.param(lambda chunks: [replace(c, chunks=c.chunks + 1) for c in chunks], id="wrong-number"),
        pytest.param(lambda chunks: [replace(c, count=c.count + 1) for c in chunks], id="count-too-high"),
        pytest.param(lambda chunks: [replace(c, count=c.count - 1) for c in chunks], id="count-too-low"),
        pytest.param(lambda chunks: [replace(c, index=c.index + 1) for c in chunks], id="index-shifted"),
        pytest.param(lambda chunks: [replace(chunks[0], data=chunks[1].data), *chunks[1:]], id="tags-twice"),
        pytest.param(lambda chunks: [replace(chunks[0], data="§"), *chunks[1:]], id="no-base64"),
        pytest.param(lambda chunks: [replace(chunks[0], data="AAAA"), *chunks[1:]], id="no-zstd"),
        pytest.param(lambda chunks: [replace(chunks[0], data=chunks[0].data[:-8]), *chunks[1:]], id="cut"),
        pytest.param(lambda chunks: [replace(chunks[0], data=packed("text")), *chunks[1:]], id="other-content"),
        pytest.param(lambda chunks: [replace(chunks[0], data=packed([2, ["a"]])), *chunks[1:]], id="other-format"),
        pytest.param(lambda chunks: [replace(chunks[0], first_seen=packed([1, [1], [1]])), *chunks[1:]], id="few"),
        pytest.param(
            lambda chunks: [replace(chunks[0], first_seen=packed([1, [2**40, 1 - 2**40], [1, 1]])), *chunks[1:]],
            id="endless-times",
        ),
    ],
)
def test_what_is_not_one_whole_list_is_refused(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(IncompleteTagList):
        decode(damage(pieces()))


@given(st.binary(max_size=60), st.integers(min_value=0, max_value=3), st.booleans())
def test_any_bytes_are_a_list_or_incomplete(data: bytes, count: int, times: bool) -> None:
    text = base64.b64encode(data).decode()
    (good,) = encode(("a",), {}, revision="r")
    chunk = replace(good, first_seen=text, count=1) if times else replace(good, data=text, count=count)
    try:
        found = decode([chunk])
    except IncompleteTagList as error:
        assert "tag list r" in str(error)  # noqa: PT017 - either end is right
    else:
        assert len(found.tags) == chunk.count


def test_a_bomb_is_not_unpacked() -> None:
    (good,) = encode(("a",), {}, revision="r")
    bomb = base64.b64encode(zstandard.compress(bytes(200 << 20))).decode()
    with pytest.raises(IncompleteTagList, match="is damaged"):
        decode([replace(good, data=bomb)])


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param([f"{n // 900}.{n // 30 % 30}.{n % 30}" for n in range(100_000)], id="semver"),
        pytest.param(
            [f"main-{n * 0x9E3779B97F4A7C15 % 2**160:040x}-{1_600_000_000 + n}" for n in range(100_000)], id="sha"
        ),
    ],
)
def test_a_hundred_thousand_tags_fit_into_a_few_objects(tags: list[str]) -> None:
    ordered = tuple(sorted(tags, reverse=True))
    chunks = encode(ordered, {}, revision="r")
    assert len(chunks) <= 6
    assert max(len(chunk.data) for chunk in chunks) <= 900_000
    assert decode(chunks).tags == ordered
