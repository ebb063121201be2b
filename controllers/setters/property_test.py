"""`controllers.setters`: only marked scalars change, they are strings then, and a second run finds nothing to do."""

import re
import string
from typing import Any

import yaml  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controllers.image.setter import parse_setter
from controllers.setters import FileEdit, FindingReason, ImageRef, apply
from controllers.setters.scalars import DOUBLE, FOLDED, LITERAL, PLAIN, SINGLE, reads_as_string, rewrite

MARKS = [f'{{"$imagepolicy": "d:{name}{suffix}"}}' for name in "ab" for suffix in ("", ":tag", ":name", ":digest")]
COMMENTS = st.sampled_from(["", "", " # é comment", *(f" # {mark}" for mark in MARKS), f"\t##{MARKS[0]}"])
WORDS = st.sampled_from(["x", "1.10", "~", "on", "ghcr.io/a/b:1", "é日本😀", "0x1F", "2024-01-15", "a#b", "<<"])
PROPERTIES = st.sampled_from(["", "", "", "!!str ", "!own ", "&x ", "&x !!str ", "!!int "])

TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}", fullmatch=True)
ODD_TAGS = st.sampled_from(["1.10", "1e3", "yes", "NULL", "007", "1_0", "2024-01-15", "0x1", "12:30", "v1", "n"])
REFS = st.builds(
    ImageRef, st.sampled_from(["nginx", "localhost:5000/a/b"]), TAGS | ODD_TAGS, st.sampled_from(["", "sha256:0a"])
)


@st.composite
def scalars(draw: st.DrawFn, indent: int, *, flow: bool = False) -> str:
    """Generate a scalar and the comment behind it, without the last line break; no anchors in flow collections."""
    word, properties = draw(WORDS), "" if flow else draw(PROPERTIES)
    styles = ["plain", "single", "double"] if flow else ["plain", "single", "double", "literal", "folded", "lines"]
    pad = "\n" + " " * (indent + 2)
    match draw(st.sampled_from(styles)):
        case "single":
            return f"{properties}'{word}''s'" + draw(COMMENTS)
        case "double":
            return f'{properties}"{word}\\t\\"# {{"' + draw(COMMENTS)
        case "literal":
            header = draw(st.sampled_from(["|", "|-", "|+", "|2"]))
            return f"{properties}{header}{draw(COMMENTS)}{pad}{word} # {{text}}" + draw(
                st.sampled_from(["", "\n", pad])
            )
        case "folded":
            return f"{properties}>{draw(COMMENTS)}{pad}{word}{pad}{pad}{word}"
        case "lines":
            return f'{properties}"{word}{pad}{word}"' + draw(COMMENTS)
        case _:
            return properties + word + draw(COMMENTS)


@st.composite
def nodes(draw: st.DrawFn, indent: int, depth: int) -> str:
    """Generate what stands behind a colon or dash, its line break included."""
    kind = draw(st.sampled_from(["scalar", "scalar", "empty", "flow"] + (["map", "list"] if depth else [])))
    pad = "\n" + " " * (indent + 2)
    if kind == "empty":
        return draw(COMMENTS).replace("\t", " ") + "\n"
    if kind == "flow":
        items = draw(st.lists(scalars(indent, flow=True), min_size=1, max_size=3))
        rows = [f"k{number}: {item}" for number, item in enumerate(items)] if draw(st.booleans()) else items
        opening, closing = ("{", "}") if rows is not items else ("[", "]")
        return f" {opening}{pad}" + f"{pad},".join(rows) + pad + closing + draw(COMMENTS) + "\n"
    if kind == "scalar":
        return " " + draw(scalars(indent)) + "\n"
    return draw(COMMENTS).replace("\t", " ") + "\n" + draw(collections(indent + 2, depth - 1, mapping=kind == "map"))


@st.composite
def collections(draw: st.DrawFn, indent: int, depth: int, *, mapping: bool) -> str:
    rows = []
    for number in range(draw(st.integers(1, 3))):
        above = draw(st.sampled_from(["", "", "\n", *(f"# {mark}\n" for mark in MARKS[:3])]))
        above = " " * indent + above if above.startswith("#") else above
        key = draw(st.sampled_from([f"k{number}:", f'"é {number}" :'])) if mapping else "-"
        rows.append(above + " " * indent + key + draw(nodes(indent, depth)))
    return "".join(rows)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    documents = draw(st.lists(collections(0, 3, mapping=True), min_size=1, max_size=3))
    text = draw(st.sampled_from(["", "---\n", "# top\n"])) + draw(st.sampled_from(["---\n", "--- # next\n"])).join(
        documents
    )
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    text = text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])))
    return (draw(st.sampled_from(["", "", "\ufeff"])) + text).encode()


def scalar_events(data: bytes) -> list[Any]:
    events = yaml.parse(data.decode().removeprefix("\ufeff"), Loader=yaml.CLoader)
    return [event for event in events if isinstance(event, yaml.ScalarEvent)]


def around(data: bytes, events: list[Any]) -> str:
    """Return the text with `@` for each of the scalars, and a block header's comment behind it, without empty lines."""
    text, at, rest = data.decode().removeprefix("\ufeff"), 0, ""
    for event in events:
        start, end = event.start_mark.index, event.end_mark.index
        rest += text[at:start] + "@"
        if event.style in ("|", ">"):
            header = re.search(r"[|>][-+0-9]*([^\r\n]*(?:\r\n|\r|\n|$))", text[start:end])
            assert header is not None
            rest += header.group(1)
        at = end
    return re.sub(r"[ \t]*(\r\n|\r|\n)(?:[ \t]*(?:\r\n|\r|\n))*", r"\1", rest + text[at:])


def check_edit(data: bytes, edit: FileEdit, refs: dict[str, ImageRef]) -> None:
    before, after = scalar_events(data), scalar_events(edit.data)
    places = {(mark.line, mark.column) for mark in edit.markers}
    marked = [n for n, e in enumerate(before) if (e.start_mark.line + 1, e.start_mark.column + 1) in places]
    assert len(marked) == len(places) == len(edit.markers)
    assert around(data, [before[n] for n in marked]) == around(edit.data, [after[n] for n in marked])
    for mark, number in zip(edit.markers, marked, strict=True):
        setter = parse_setter(mark.setter)
        event = after[number]
        assert event.value == setter.value(refs[setter.policy_key])
        assert event.style or event.tag in ("tag:yaml.org,2002:str", "!own") or reads_as_string(event.value)
    assert [e.value for n, e in enumerate(before) if n not in marked] == [
        e.value for n, e in enumerate(after) if n not in marked
    ]
    assert edit.data.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=files(), a=REFS, b=REFS)
def test_only_marked_scalars_change_and_only_once(data: bytes, a: ImageRef, b: ImageRef) -> None:
    refs = {"d:a": a, "d:b": b}
    edit = apply("f.yaml", data, refs)
    assert {finding.reason for finding in edit.findings} <= {FindingReason.MISPLACED, FindingReason.NO_DIGEST}
    again = apply("f.yaml", edit.data, refs)
    assert again.data is edit.data
    assert [mark.setter for mark in again.markers] == [mark.setter for mark in edit.markers]
    if edit.changed:
        check_edit(data, edit, refs)
    else:
        assert edit.data is data


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_any_bytes_are_survived(data: bytes, cut: int) -> None:
    sound = f'k: v # {MARKS[0]}\nl: [a, "b # {MARKS[1]}\n", c]\nm: |\n  x\n'.encode()
    spoilt = sound[:cut] + data + sound[cut:]
    edit = apply("f.yaml", spoilt, {"d:a": ImageRef("n", "t")})
    assert apply("f.yaml", edit.data, {"d:a": ImageRef("n", "t")}).data is edit.data


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    value=st.text(max_size=20) | st.text(string.printable, max_size=20),
    source=st.sampled_from(
        [(PLAIN, "x"), (SINGLE, "'x'"), (DOUBLE, '"x"'), (LITERAL, "|\n x\n"), (FOLDED, "> # c\n x\n\n")]
    ),
)
def test_any_value_is_read_back_as_a_string(value: str, source: tuple[str, str]) -> None:
    value = value.encode("utf-8", "replace").decode()
    style, old = source
    for frame in ("k: {}\n", "- {}\n") + (
        ("{{k: {}\n}}\n", "[a, {}\n, b]\n") if style in (PLAIN, SINGLE, DOUBLE) else ()
    ):
        text = frame.format(rewrite(old, value, style=style, tag=None))
        read = yaml.load(text, Loader=yaml.CSafeLoader)
        assert value in (read.values() if isinstance(read, dict) else read)
