"""Markers behind values."""

import pytest

from controllers import setters
from controllers.adoption.finder import find_occurrences
from controllers.adoption.insertion import COMMENTED, FOLLOWED, Insertion, insert_markers, list_marked

M = '# {"$imagepolicy": "a:b"}'


def mark(text: str) -> tuple[str, list[str]]:
    """Return a file with a marker behind each of its images, and why some have none."""
    data = text.encode()
    marked = insert_markers(
        data, [Insertion(slot, "a:b") for one in find_occurrences("a.yaml", data) for slot in one.slots]
    )
    return marked.data.decode(), [reason for _, reason in marked.refused]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("image: o/a:1\n", f"image: o/a:1 {M}\n", id="plain"),
        pytest.param("image: 'o/a:1'", f"image: 'o/a:1' {M}", id="quoted-no-newline"),
        pytest.param("image: o/a:1  \r\nb: 1\r\n", f"image: o/a:1 {M}  \r\nb: 1\r\n", id="blanks-and-crlf"),
        pytest.param("\ufeffimage: &x o/a:1\n", f"\ufeffimage: &x o/a:1 {M}\n", id="bom-and-anchor"),
        pytest.param("ü: ü\nimage: o/a:1\n", f"ü: ü\nimage: o/a:1 {M}\n", id="not-ascii"),
        pytest.param("# above\nimage: o/a:1\n", f"# above\nimage: o/a:1 {M}\n", id="comment-above"),
        pytest.param("x: {image: o/a:1,\n  b: c}\n", f"x: {{image: o/a:1, {M}\n  b: c}}\n", id="flow-with-comma"),
        pytest.param("x: {b: c, image: o/a:1\n  }\n", f"x: {{b: c, image: o/a:1 {M}\n  }}\n", id="flow-last"),
    ],
)
def test_a_marker_is_put_behind_the_value(text: str, want: str) -> None:
    assert mark(text) == (want, [])
    assert [marker.setter for marker in setters.find_markers(want.encode()).markers] == ["a:b"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("image: o/a:1 # mine\n", COMMENTED, id="commented"),
        pytest.param("x: {image: o/a:1}\n", FOLLOWED, id="flow-on-one-line"),
        pytest.param("x: {image: o/a:1, b: c}\n", FOLLOWED, id="flow-followed"),
        pytest.param(
            'image: o/a:1 # {"$imagepolicy": a:b}\n', "a marker that does not work is here", id="broken-marker"
        ),
        pytest.param("%YAML 1.1\n---\nimage: o/a:1\n", "directives are not supported", id="directive"),
        pytest.param("kind: List\nitems:\n- a: b\nx:\n  image: o/a:1\n", "would not be found", id="beside-items"),
    ],
)
def test_what_cannot_be_marked_stays_as_it_is(text: str, why: str) -> None:
    data, [reason] = mark(text)
    assert data == text
    assert why in reason


def test_one_bad_place_does_not_harm_the_others() -> None:
    bad = "kind: List\nimage: o/a:1\nitems:\n"
    good = "".join(f"- image: o/a:{n}\n" for n in range(5))
    data, reasons = mark(bad + good)
    assert data == bad + good.replace("\n", f" {M}\n")
    assert len(reasons) == 1


def test_marked_values_are_listed() -> None:
    assert list_marked(f"image: o/a:1 {M}\nb: o/a:2\n".encode()) == {(1, 8)}
