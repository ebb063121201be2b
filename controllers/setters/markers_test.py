import pytest

from controllers.setters import ObjectIdentifier, find_markers
from controllers.setters.errors import Unparsable
from controllers.setters.parser import MAX_DEPTH

A = '{"$imagepolicy": "d:a"}'
B = '{"$imagepolicy": "d:b"}'


def found(text: str) -> list[tuple[str, str]]:
    """Return value and setter of each marked scalar; in `text`, A and B stand for markers."""
    scan = find_markers(text.replace("# A", f"# {A}").replace("# B", f"# {B}").encode())
    return [(mark.value, mark.setter) for mark in scan.markers]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("k: v # A\n", id="map-value"),
        pytest.param("k: v # A", id="end-of-file"),
        pytest.param("k: 'v'# A\n", id="no-space-behind-quotes"),
        pytest.param("k: 'v'\t# A\n", id="tab"),
        pytest.param("k:\n  v # A\n", id="value-on-the-next-line"),
        pytest.param("k: &x v # A\n", id="anchored"),
        pytest.param("k: &x # A\n  v\n", id="behind-the-anchor"),
        pytest.param("k: !!str # A\n  v\n", id="behind-the-tag"),
        pytest.param("? k\n: v # A\n", id="explicit-key"),
        pytest.param("l:\n- v # A\n", id="item"),
        pytest.param("l:\n- - v # A\n", id="inner-item"),
        pytest.param("k: {a: v # A\n}\n", id="flow-map-before-the-brace"),
        pytest.param("k: {a: v, # A\n b: c}\n", id="flow-map-behind-the-comma"),
        pytest.param("k: [v,# A\n c]\n", id="comma-without-space"),
        pytest.param("k: [v # A\n, c]\n", id="before-a-comma-on-the-next-line"),
        pytest.param("k: [b, v # A\n]\n", id="last-flow-item"),
        pytest.param("k: [a: v # A\n]\n", id="pair-in-a-flow-sequence"),
        pytest.param("k: {a: # A\n v}\n", id="flow-key-with-value-below"),
        pytest.param("k: |- # A\n  v\nx: y\n", id="literal"),
        pytest.param("k: &x !!str >- # A\n  v\n", id="folded-with-properties"),
        pytest.param("# A\n---\nx: y\n---\nk: v # A\n", id="later-document"),
        pytest.param("k: v # A\n...\n", id="document-end"),
        pytest.param("{}: x\n? [a]\n: b\n1: v # A\n", id="odd-keys-beside"),
        pytest.param("l:\n# A\n- v\n", id="line-above-the-first-item"),
        pytest.param("l:\n- b\n# A\n- v\n", id="line-above-an-item"),
        pytest.param("l:\n- b\n\n# A\n\n- v\n", id="empty-lines-around"),
        pytest.param("l:\n- a: b\n# A\n- v\n", id="line-above-an-item-below-a-map"),
        pytest.param("l:\n- |\n  x\n# A\n- v\n", id="line-above-an-item-below-a-literal"),
        pytest.param("l:\n    - a\n  # A\n    - v\n", id="dedented-line-above-an-item"),
        pytest.param("l:\n- # A\n  v\n", id="behind-the-dash"),
        pytest.param("l:\n- - # A\n    v\n", id="behind-the-inner-dash"),
        pytest.param("l: # x\n# A\n- v\n", id="other-comment-behind-the-key"),
        pytest.param("l: [b,\n # A\n v]\n", id="line-above-a-flow-item"),
        pytest.param("l: [b,\n # A\n\n v]\n", id="line-above-a-flow-item-and-an-empty-one"),
        pytest.param("k:\n  # A\n  v\n", id="line-between-key-and-value"),
        pytest.param("k: v # A\rx: y\r", id="carriage-return-alone"),
        pytest.param("metadata:\n  labels: v # A\n", id="beside-annotations"),
        pytest.param("l: [k: v, # A\n]\n", id="pair-in-a-list-behind-the-comma"),
        pytest.param("l: [k: v # A\n]\n", id="pair-in-a-list"),
        pytest.param("l: [k: v # A\n, b]\n", id="pair-in-a-list-before-the-comma"),
        pytest.param("spec:\n  annotations: v # A\n", id="annotations-elsewhere"),
        pytest.param("k: v # A\x85x: y\u2028z: w\u2029", id="line-breaks-of-yaml-1.1"),
        pytest.param("---\n%YAML 1.1\n---\nk: v # A\n", id="directive-behind-an-empty-document"),
        pytest.param("- v # A\n", id="list-at-the-root"),
        pytest.param("- v # A", id="list-at-the-root-end-of-file"),
        pytest.param("# A\n- v\n", id="line-above-a-list-at-the-root"),
        pytest.param("- a\n# A\n- v\n", id="line-above-an-item-at-the-root"),
        pytest.param("- op: replace\n  path: /spec/image\n  value: v # A\n", id="patch"),
        pytest.param("- - v # A\n", id="list-of-lists-at-the-root"),
        pytest.param("[v # A\n]\n", id="flow-list-at-the-root"),
        pytest.param("[{k: v # A\n}]\n", id="map-in-a-flow-list-at-the-root"),
        pytest.param("- metadata: x\n  k: v # A\n", id="metadata-in-a-list-at-the-root"),
        pytest.param("- kind: List\n  items: [x]\n  image: v # A\n", id="kind-list-in-a-list"),
        pytest.param("x: y\n---\n- v # A\n", id="list-behind-a-map"),
        pytest.param("- x\n---\nk: v # A\n", id="map-behind-a-list"),
        pytest.param("# c\n---\n---\n- v # A\n...\n", id="list-behind-empty-documents"),
        pytest.param("\ufeff- v # A\n", id="list-behind-a-byte-order-mark"),
        pytest.param("- x\r\n- v # A\r\n", id="list-with-crlf"),
        pytest.param("&l\n- v # A\n", id="anchored-list-at-the-root"),
        pytest.param("x: y\n---\n---\n%YAML 1.1\n---\nk: v # A\n", id="directive-behind-two-lines-of-dashes"),
    ],
)
def test_a_marker_counts(text: str) -> None:
    assert found(text) == [("v", "d:a")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# A\nk: v\n", id="line-above-a-key"),
        pytest.param("kind: Pod\nmetadata: null # A\n", id="where-kyaml-puts-metadata"),
        pytest.param("kind: Pod\nmetadata:\n  annotations: v # A\n", id="where-kyaml-puts-annotations"),
        pytest.param("k: v\n# A\n", id="line-below"),
        pytest.param("k: v\n # A\nl: m\n", id="indented-line-below"),
        pytest.param("k: # A\n  v\n", id="key-with-value-below"),
        pytest.param("k: # A\n  a: b\n", id="key-of-a-map"),
        pytest.param("k: # A\nl: v\n", id="empty-value"),
        pytest.param("k: !!str # A\nl: v\n", id="empty-value-with-a-tag"),
        pytest.param("k: [a, v] # A\n", id="end-of-a-flow-sequence"),
        pytest.param("k: {a: v} # A\n", id="end-of-a-flow-map"),
        pytest.param("k: {a # A\n}\n", id="flow-key-without-value"),
        pytest.param("k: [ # A\n v]\n", id="behind-the-bracket"),
        pytest.param("? v # A\n: b\n", id="key"),
        pytest.param("? {a: v # A\n}\n: b\n", id="inside-a-key"),
        pytest.param("x: &x v\nk: *x # A\n", id="alias"),
        pytest.param("x: &x v\nl:\n# A\n- *x\n", id="line-above-an-alias"),
        pytest.param("k: |\n  v # A\n", id="inside-a-literal"),
        pytest.param('k: "v # A"\n'.replace("A", A.replace('"', '\\"')), id="inside-quotes"),
        pytest.param("k: a\nk: v # A\n", id="repeated-key"),
        pytest.param("k: a\nk:\n  l: v # A\n", id="below-a-repeated-key"),
        pytest.param("--- # A\nk: v\n", id="document-start"),
        pytest.param("l:\n# x\n# A\n- v\n", id="two-comment-lines-above"),
        pytest.param("l:\n# A\n- v # x\n", id="other-line-comment"),
        pytest.param("l:\n- a\n# A\n\n- v\n", id="foot-of-the-item-above"),
        pytest.param("l:\n  - a: b\n    # A\n  - v\n", id="foot-of-the-map-above"),
        pytest.param("l:\n# A\n- - v\n", id="line-above-a-list-of-lists"),
        pytest.param("l:\n# A\n- a: v\n", id="line-above-a-map-item"),
        pytest.param("l: [a # A\n, # B\n v]\n", id="comments-on-either-side-of-the-comma"),
        pytest.param("kind: List\nitems: []\nimage: v # A\n", id="beside-the-items-of-a-list"),
        pytest.param("- x: &x v\n- *x # A\n", id="alias-in-a-list-at-the-root"),
        pytest.param("- a: v # x\n# A\n", id="below-a-list-at-the-root"),
        pytest.param("k: v\n", id="no-comment"),
    ],
)
def test_a_marker_does_not_count(text: str) -> None:
    assert found(text) == []


def test_line_comment_wins_over_the_line_above() -> None:
    assert found("l:\n# A\n- v # B\n") == [("v", "d:b")]


def test_all_markers_of_a_file_in_order() -> None:
    assert found("a: 1 # A\nl:\n- b: 2 # B\n- 3 # A\n---\nc: 4 # B\n") == [
        ("1", "d:a"),
        ("2", "d:b"),
        ("3", "d:a"),
        ("4", "d:b"),
    ]


def test_a_list_at_the_root_names_no_object() -> None:
    scan = find_markers(f"- kind: Pod\n  metadata: {{name: x}}\n  image: v # {A}\n".encode())
    assert [(mark.path, mark.owner.identity({})) for mark in scan.markers] == [("image", ObjectIdentifier())]


@pytest.mark.parametrize(
    ("text", "line", "column", "source", "style"),
    [
        pytest.param("k: v # A\n", 1, 4, "v", "plain", id="plain"),
        pytest.param("x: é😀\nk:   'é😀' # A\n", 2, 6, "'é😀'", "single", id="not-ascii"),
        pytest.param("\ufeffk: é # A\n", 1, 4, "é", "plain", id="byte-order-mark"),
        pytest.param("x: y\r\nk: &a !!str v # A\r\n", 2, 4, "&a !!str v", "plain", id="crlf-and-properties"),
        pytest.param("x: é\u2028k: v # A\n", 2, 4, "v", "plain", id="line-separator"),
        pytest.param("k: |+ # A\n  é\n\n\nx: y\n", 1, 4, f"|+ # {A}\n  é\n\n\n", "literal", id="literal"),
        pytest.param('k: "a\n  b" # A\n', 1, 4, '"a\n  b"', "double", id="several-lines"),
    ],
)
def test_places(text: str, line: int, column: int, source: str, style: str) -> None:
    data = text.replace("# A", f"# {A}").encode()
    (mark,) = find_markers(data).markers
    assert (mark.line, mark.column, data[mark.start : mark.end].decode(), mark.style) == (line, column, source, style)


def test_path_and_document() -> None:
    scan = find_markers(f"---\n---\na:\n  b:\n  - c:\n    - v # {A}\n".encode())
    assert [(mark.path, mark.document) for mark in scan.markers] == [("a.b.c", 1)]


@pytest.mark.parametrize(
    ("data", "problem", "line"),
    [
        pytest.param(b"a: [", "did not find expected node content", 2, id="unclosed"),
        pytest.param(b"a: b\nc: \xff", "not UTF-8", 2, id="encoding"),
        pytest.param(b"\xff\xfea\0", "not UTF-8", 1, id="utf-16"),
        pytest.param(b"a: b\x00c", "control characters are not allowed", 0, id="control-character"),
        pytest.param(b"a: *x", "unknown anchor 'x'", 1, id="unknown-anchor"),
        pytest.param(b"a: &x b\n---\nc: *x", "unknown anchor 'x'", 3, id="anchor-of-another-document"),
        pytest.param(b"a: b\n---\nc", "a document is a single value", 3, id="scalar"),
        pytest.param(b"- b\n---\nc", "a document is a single value", 3, id="scalar-behind-a-list"),
        pytest.param(b"image:v1 # x", "a document is a single value", 1, id="map-without-a-space"),
        pytest.param(b"%YAML 1.2\n---\n- b", "directives are not supported", 1, id="directive-before-a-list"),
        pytest.param(b"metadata: []", "metadata of a document is not a map", 1, id="metadata-list"),
        pytest.param(b"metadata: x", "metadata of a document is not a map", 1, id="metadata-scalar"),
        pytest.param(b"x: &x {}\nmetadata: *x", "metadata of a document is not a map", 2, id="metadata-alias"),
        pytest.param(b"%YAML 1.1\n---\na: b", "directives are not supported", 1, id="directive"),
        pytest.param(b"x: y\n---\n%YAML 1.1\n---\na: b", "directives are not supported", 3, id="inner-directive"),
        pytest.param(b"a: " + b"[" * (MAX_DEPTH + 1), "collections inside each other", 1, id="too-deep"),
        pytest.param(b"{{- if .x }}\na: b\n{{- end }}", "did not find expected", 1, id="template"),
    ],
)
def test_unreadable_files(data: bytes, problem: str, line: int) -> None:
    with pytest.raises(Unparsable, match=problem) as raised:
        find_markers(data)
    assert raised.value.line == line


@pytest.mark.parametrize(
    "text", ["", "# c\n", "---\n", "null\n", "~\n---\n!!null\n", "a: b\nmetadata:\n", "metadata: ~\n"]
)
def test_empty_documents_are_readable(text: str) -> None:
    assert find_markers(text.encode()).markers == ()
