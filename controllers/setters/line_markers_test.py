"""Markers in files that are not YAML: what counts as the one value of a line, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.image.ref import ImageRef
from controllers.setters import line_markers
from controllers.setters.findings import FindingReason
from controllers.setters.line_markers import LINE_FORMATS, LineFormat, apply_lines
from controllers.setters.update import update
from testing.costs import costs_less_than

DIGEST = "sha256:" + "a" * 64
REFS = {"apps:web": ImageRef("ghcr.io/x/web", "1.2.0"), "apps:pinned": ImageRef("x/web", "2", DIGEST)}
WHOLE, TAG = '{"$imagepolicy": "apps:web"}', '{"$imagepolicy": "apps:web:tag"}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(f'  "image": "web:1", // {WHOLE}', f'  "image": "ghcr.io/x/web:1.2.0", // {WHOLE}', id="jsonc"),
        pytest.param(f'  "web:1" // {WHOLE}', f'  "ghcr.io/x/web:1.2.0" // {WHOLE}', id="jsonc-item"),
        pytest.param(f'"a\\"b": "1" //{TAG}', f'"a\\"b": "1.2.0" //{TAG}', id="jsonc-key-with-escape"),
        pytest.param(f"TAG=1 # {TAG}", f"TAG=1.2.0 # {TAG}", id="env"),
        pytest.param(f'export TAG="1" # {TAG}', f'export TAG="1.2.0" # {TAG}', id="env-quoted"),
        pytest.param(f"TAG='' # {TAG}", f"TAG='1.2.0' # {TAG}", id="env-empty"),
        pytest.param(f'  tag   = "1" # {TAG}', f'  tag   = "1.2.0" # {TAG}', id="hcl"),
        pytest.param(f'  tag = "1", // {TAG}', f'  tag = "1.2.0", // {TAG}', id="hcl-slashes"),
        pytest.param(f"# {WHOLE}\nFROM web:1", f"# {WHOLE}\nFROM ghcr.io/x/web:1.2.0", id="dockerfile"),
        pytest.param(
            f"# {WHOLE}\nFROM --platform=$P web AS base", f"# {WHOLE}\nFROM --platform=$P ghcr.io/x/web:1.2.0 AS base",
            id="dockerfile-stage",
        ),
        pytest.param(f"# {TAG}\nARG TAG=1\nRUN x", f"# {TAG}\nARG TAG=1.2.0\nRUN x", id="dockerfile-argument"),
        pytest.param(
            f"# {WHOLE}\nCOPY --from=web:1 /a /b", f"# {WHOLE}\nCOPY --from=ghcr.io/x/web:1.2.0 /a /b", id="copy-from"
        ),
        pytest.param(
            'A="1" # {"$imagepolicy": "apps:pinned"}', f'A="x/web:2@{DIGEST}" # {{"$imagepolicy": "apps:pinned"}}',
            id="digest",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", ""], ids=["lf", "crlf", "no-end"])
def test_value_is_replaced_and_nothing_else(before: str, after: str, end: str) -> None:
    before, after = (f"first\n{text}{end}".replace("\n", end or "\n") for text in (before, after))
    edit = apply_lines("f", before.encode(), REFS)
    assert (edit.data.decode(), edit.findings) == (after, ())
    (change,) = edit.changes
    assert change.new_value in after
    again = apply_lines("f", edit.data, REFS)
    assert (again.data, again.changed) == (edit.data, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(f'a = ["x", "y"] # {TAG}', FindingReason.MISPLACED, id="two-values"),
        pytest.param(f'{{"image": "web:1"}} // {TAG}', FindingReason.MISPLACED, id="object-on-one-line"),
        pytest.param(f"tag = 1.2 # {TAG}", FindingReason.MISPLACED, id="hcl-number"),
        pytest.param(f'"tag": 1 // {TAG}', FindingReason.MISPLACED, id="json-number"),
        pytest.param(f"FROM web:1 # {TAG}", None, id="behind-a-from"),
        pytest.param(f"# {TAG}\nRUN a && b", FindingReason.MISPLACED, id="no-value-below"),
        pytest.param(f"# {TAG}", FindingReason.MISPLACED, id="nothing-below"),
        pytest.param('T=1 # {"$imagepolicy": "apps:nobody"}', FindingReason.UNKNOWN_POLICY, id="unknown-policy"),
        pytest.param('T=1 # {"$imagepolicy": "apps:web:x"}', FindingReason.UNKNOWN_SUFFIX, id="unknown-suffix"),
        pytest.param('T=1 # see {"$imagepolicy": "apps:web"}', FindingReason.MALFORMED, id="text-before-the-json"),
        pytest.param('T=1 # {"$imagepolicy": 3}', FindingReason.MALFORMED, id="no-string"),
        pytest.param('T=1 # {"$imagepolicy": "apps:web:digest"}', FindingReason.NO_DIGEST, id="no-digest"),
    ],
)
def test_what_is_left_alone_is_reported(text: str, reason: FindingReason | None) -> None:
    edit = apply_lines("f", f"{text}\n".encode(), REFS)
    if reason is None:  # accepted here; the format has no comments in this place
        assert edit.changed
        return
    assert not edit.changed
    assert [(f.reason, f.file) for f in edit.findings] == [(reason, "f")]


def test_digest_that_is_not_reflected_is_written_where_it_can_be_and_reported() -> None:
    edit = apply_lines("f", b'T="1" # {"$imagepolicy": "apps:web:digest"}\n', REFS)
    assert edit.data == b'T="" # {"$imagepolicy": "apps:web:digest"}\n'
    assert [f.reason for f in edit.findings] == [FindingReason.NO_DIGEST]
    edit = apply_lines("f", b'T="1" # {"$imagepolicy": "apps:pinned:digest"}\n', REFS)
    assert edit.findings == ()


@pytest.mark.parametrize("line", [f"T=1{' ' * 200_000}# {TAG}", f"# {TAG}\nT=1{' ' * 200_000}x", "#" * 200_000 + TAG])
def test_endless_line_is_left_alone_at_once(line: str) -> None:
    edit = apply_lines("f", line.encode(), REFS)
    assert not edit.changed
    assert len(edit.findings) == 1


def test_value_that_cannot_be_written_is_refused() -> None:
    edit = apply_lines("f", f"T=1 # {TAG}\n".encode(), {"apps:web": ImageRef("x", '1" # ')})
    assert [f.reason for f in edit.findings] == [FindingReason.REFUSED]


def test_file_that_is_not_utf8_is_left_alone() -> None:
    data = f"T=1 # {TAG}\n".encode() + b"\xff"
    edit = apply_lines("f", data, REFS)
    assert (edit.data, [f.reason for f in edit.findings]) == (data, [FindingReason.UNPARSABLE])


def test_value_that_was_put_back_is_held() -> None:
    text = f"T=1 # {TAG}\n".encode()
    edit = apply_lines("f", text, REFS, reverts={("f", "apps:web:tag", "1"): "1.2.0"})
    assert (edit.data, [f.reason for f in edit.findings]) == (text, [FindingReason.REVERTED])
    assert apply_lines("f", text, REFS, reverts={("f", "apps:web:tag", "1"): "1.1.0"}).changed


PROPERTIES = LineFormat(
    "Java properties", r"\s*[\w.-]+\s*[=:]\s*(?P<bare>\S+)\s*", comment_start="[#!]", files=("*.properties",)
)


@pytest.mark.parametrize("text", [f"# {TAG}\napp.tag = 1", f"! {TAG}\napp.tag: 1"])
def test_file_type_is_a_row_in_the_table(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not apply_lines("app.properties", text.encode(), REFS).changed
    monkeypatch.setattr(line_markers, "LINE_FORMATS", (*LINE_FORMATS, PROPERTIES))
    assert apply_lines("app.properties", text.encode(), REFS).data == text.replace("1", "1.2.0").encode()
    assert not apply_lines("app.conf", text.encode(), REFS).changed


def test_only_files_that_globs_name_are_looked_at() -> None:
    text = f"T=1 # {TAG}\n".encode()
    files = [("a/x.env", text), ("a/y.txt", text), ("b/x.env", text)]
    assert list(update(files, REFS, "a", globs=["*.env"]).edits) == ["a/x.env"]
    assert update(files, REFS, "a").edits == {}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("#" * 4000, id="hashes"),
        pytest.param("/" * 4000, id="slashes"),
        pytest.param("a #" + " " * 4000, id="blanks"),
        pytest.param(" " * 3900 + f"x # {TAG}", id="blanks-before"),
        pytest.param('"' + "\\a" * 1900 + f" # {TAG}", id="escapes"),
        pytest.param("FROM" + " --a" * 900 + f"( # {TAG}", id="options"),
        pytest.param('# {"$imagepolicy" ' * 200, id="markers-without-end"),
    ],
)
def test_lines_of_the_greatest_length_are_judged_in_time(line: str) -> None:
    with costs_less_than(4):
        apply_lines("f", f"{line} imagepolicy\n{line}\n".encode() * 40, REFS)


@given(st.text(alphabet="ab1 =:\",'#/{}\\\n\r\u2028é", max_size=40), st.sampled_from(["", "#", "//", "# x", "\n#"]))
def test_bytes_outside_the_value_stay(text: str, comment: str) -> None:
    data = f"{text}{comment}{TAG}\nend".encode()
    edit = apply_lines("f", data, REFS)
    if not edit.changed:
        assert edit.data == data
    else:
        (change,) = edit.changes
        head, _, tail = edit.data.decode().partition(change.new_value)
        assert data.decode() == head + change.old_value + tail
