import pytest

from controllers.setters import FindingReason, ImageRef, ObjectIdentifier, apply
from controllers.setters.findings import MAX_FINDINGS
from controllers.setters.parser import MAX_DEPTH

REFS = {
    "d:a": ImageRef("ghcr.io/org/app", "v1.2.3"),
    "d:n": ImageRef("nginx", "1.10", "sha256:0a"),
}


def mark(setter: str) -> str:
    return f'{{"$imagepolicy": "{setter}"}}'


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("k: x # d:a\n", "k: ghcr.io/org/app:v1.2.3 # d:a\n", id="image"),
        pytest.param("k: x # d:n\n", "k: nginx:1.10@sha256:0a # d:n\n", id="image-with-digest"),
        pytest.param("k: x # d:a:name\n", "k: ghcr.io/org/app # d:a:name\n", id="name"),
        pytest.param("k: x # d:n:tag\n", 'k: "1.10" # d:n:tag\n', id="tag-like-a-number"),
        pytest.param("k: x # d:n:digest\n", "k: sha256:0a # d:n:digest\n", id="digest"),
        pytest.param("k: x # d:a:digest\n", 'k: "" # d:a:digest\n', id="no-digest"),
        pytest.param("k: 1.2 # d:a:tag\n", "k: v1.2.3 # d:a:tag\n", id="old-number-leaves-no-tag"),
        pytest.param("k: ~ # d:a:tag\n", "k: v1.2.3 # d:a:tag\n", id="old-null"),
        pytest.param("k:   'x'   # d:a:tag\n", "k:   'v1.2.3'   # d:a:tag\n", id="spaces-stay"),
        pytest.param("{k: x, # d:a\n l: [ 'y' ]}\n", "{k: ghcr.io/org/app:v1.2.3, # d:a\n l: [ 'y' ]}\n", id="flow"),
        pytest.param("k: x # d:a:tag\r\n\r\nl:  y", "k: v1.2.3 # d:a:tag\r\n\r\nl:  y", id="crlf-and-no-newline"),
        pytest.param("\ufeffé: é # d:a:tag\n", "\ufeffé: v1.2.3 # d:a:tag\n", id="byte-order-mark"),
        pytest.param("k: &i x # d:a:tag\nl: *i\n", "k: &i v1.2.3 # d:a:tag\nl: *i\n", id="anchor-and-alias"),
        pytest.param("k: | # d:a:tag\n   x\n\nl: y\n", "k: |- # d:a:tag\n   v1.2.3\n\nl: y\n", id="literal"),
        pytest.param("k: a\n  b # d:a:tag\n", "k: v1.2.3 # d:a:tag\n", id="plain-on-two-lines"),
        pytest.param(
            "kind: List\nitems:\n- k: x # d:a:tag\n", "kind: List\nitems:\n- k: v1.2.3 # d:a:tag\n", id="list"
        ),
        pytest.param(
            "k: x # d:a:tag\n# c\n\n---\n...\n---\nl: [x,\n  y # d:a:tag\n  ]\n",
            "k: v1.2.3 # d:a:tag\n# c\n\n---\n...\n---\nl: [x,\n  v1.2.3 # d:a:tag\n  ]\n",
            id="several-documents",
        ),
    ],
)
def test_values_are_replaced_and_all_else_stays(text: str, want: str) -> None:
    def with_markers(short: str) -> bytes:
        for setter in ("d:a:name", "d:a:tag", "d:a:digest", "d:n:tag", "d:n:digest", "d:a", "d:n"):
            short = short.replace(f"# {setter}\n", f"# {mark(setter)}\n").replace(
                f"# {setter}\r", f"# {mark(setter)}\r"
            )
        return short.encode()

    edit = apply("f.yaml", with_markers(text), REFS)
    assert edit.data == with_markers(want)
    again = apply("f.yaml", edit.data, REFS)
    assert again.data is edit.data
    assert not again.changed


def test_up_to_date_number_gets_its_quotes_with_the_next_change_only() -> None:
    alone = f"k: 1.10 # {mark('d:n:tag')}\n".encode()
    assert apply("f", alone, REFS).data is alone
    beside = apply("f", alone + f"l: x # {mark('d:n:name')}\n".encode(), REFS)
    assert beside.data == f'k: "1.10" # {mark("d:n:tag")}\nl: nginx # {mark("d:n:name")}\n'.encode()
    assert [change.setter for change in beside.changes] == ["d:n:name"]


def test_file_without_marker_is_not_parsed() -> None:
    data = b"a: [unclosed"
    edit = apply("f", data, REFS)
    assert edit.data is data
    assert edit.findings == ()


def test_changes_say_what_and_where() -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: &n apps\n"
        f"image: old # {mark('d:a')}\n---\nmetadata: {{name: ~, namespace: 5}}\ntag: old # {mark('d:a:tag')}\n"
    )
    first, second = apply("f.yaml", text.encode(), REFS).changes
    assert (first.old_value, first.new_value, first.setter) == ("old", "ghcr.io/org/app:v1.2.3", "d:a")
    assert (first.file, first.line, first.object) == ("f.yaml", 6, ObjectIdentifier("v1", "Pod", "apps", "p"))
    assert (second.line, second.object) == (9, ObjectIdentifier(namespace="5"))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(
            "kind: x # M\nmetadata: {name: n}\n", ObjectIdentifier(kind="v1.2.3", name="n"), id="after-the-update"
        ),
        pytest.param("kind: null # M\nmetadata: {name: n}\n", ObjectIdentifier(name="n"), id="null-names-nothing"),
        pytest.param("x: &x n\nmetadata: {name: *x}\nk: x # M\n", ObjectIdentifier(name="n"), id="alias"),
        pytest.param(
            "x: &x o # M\nmetadata: {name: *x}\n", ObjectIdentifier(name="v1.2.3"), id="alias-of-a-changed-value"
        ),
        pytest.param("kind: A\nkind: B\nk: x # M\n", ObjectIdentifier(kind="A"), id="first-of-equal-keys"),
        pytest.param(
            "spec: {kind: A, metadata: {name: n}}\nk: x # M\n", ObjectIdentifier(), id="deeper-fields-are-not-it"
        ),
        pytest.param("kind: List\nitems:\n- kind: A\n  k: x # M\n", ObjectIdentifier(kind="A"), id="item-of-a-list"),
        pytest.param(
            "kind: L\nitems:\n- kind: A\n  k: x # M\n", ObjectIdentifier(kind="L"), id="items-of-another-kind"
        ),
        pytest.param(
            "kind: List\nitems:\n- kind: A\n  k: x # M\n---\n", ObjectIdentifier(kind="List"), id="list-with-company"
        ),
        pytest.param(
            "# c\n---\nkind: List\nitems:\n- kind: A\n  k: x # M\n", ObjectIdentifier(kind="List"), id="list-cut-off"
        ),
        pytest.param(
            "---\nkind: List\nitems:\n- kind: A\n  k: x # M\n", ObjectIdentifier(kind="A"), id="list-behind-dashes"
        ),
    ],
)
def test_object_of_a_change(text: str, want: ObjectIdentifier) -> None:
    (change,) = apply("f", text.replace("# M", f"# {mark('d:a:tag')}").encode(), REFS).changes
    assert change.object == want


def test_object_of_a_change_is_as_named_so_far() -> None:
    text = "k: x # M\nkind: y # M\nmetadata:\n  name: z # M\n"
    changes = apply("f", text.replace("# M", f"# {mark('d:a:tag')}").encode(), REFS).changes
    assert [change.object for change in changes] == [
        ObjectIdentifier(kind="y", name="z"),
        ObjectIdentifier(kind="v1.2.3", name="z"),
        ObjectIdentifier(kind="v1.2.3", name="v1.2.3"),
    ]


@pytest.mark.parametrize(
    ("text", "reason", "line", "setter"),
    [
        pytest.param("k: [ # d:a\n", FindingReason.UNPARSABLE, 2, "", id="unparsable"),
        pytest.param("x: y\nk: v # no:pe\n", FindingReason.UNKNOWN_POLICY, 2, "no:pe", id="unknown-policy"),
        pytest.param("k: v # d/a\n", FindingReason.UNKNOWN_POLICY, 1, "d/a", id="slash"),
        pytest.param("k: v # d:a:foo\n", FindingReason.UNKNOWN_SUFFIX, 1, "d:a:foo", id="unknown-suffix"),
        pytest.param("k: v # d:a:\n", FindingReason.UNKNOWN_SUFFIX, 1, "d:a:", id="empty-suffix"),
        pytest.param("k: v # d:a:tag:x\n", FindingReason.UNKNOWN_SUFFIX, 1, "d:a:tag:x", id="two-suffixes"),
        pytest.param("x: é\r\nk: [a] # d:a\n", FindingReason.MISPLACED, 2, "d:a", id="misplaced"),
        pytest.param("k: v\n\n\n# d:a\n", FindingReason.MISPLACED, 4, "d:a", id="at-the-end"),
    ],
)
def test_findings(text: str, reason: FindingReason, line: int, setter: str) -> None:
    text = text.replace("# ", '# {"$imagepolicy": "').replace("\n", "\0", 0)
    lines = [row + '"}' if "imagepolicy" in row else row for row in text.split("\n")]
    data = "\n".join(lines).encode()
    edit = apply("f.yaml", data, REFS)
    (finding,) = edit.findings
    assert edit.data is data
    assert (finding.file, finding.line, finding.setter, finding.reason) == ("f.yaml", line, setter, reason)
    assert finding.message


@pytest.mark.parametrize("value", ["sha256:0", '""'])
def test_digest_that_is_not_reflected_is_written_as_by_flux_and_reported(value: str) -> None:
    image = ImageRef("x/y", "1")
    edit = apply("f", f"k: {value} # {mark('d:y:digest')}\nt: 0 # {mark('d:y:tag')}\n".encode(), {"d:y": image})
    assert edit.data.startswith(b'k: "" #')
    assert [(f.line, f.setter, f.reason) for f in edit.findings] == [(1, "d:y:digest", FindingReason.NO_DIGEST)]
    assert "set spec.digestReflectionPolicy of the ImagePolicy" in edit.findings[0].message
    assert apply("f", edit.data, {"d:y": ImageRef("x/y", "1", "sha256:1")}).findings == ()


@pytest.mark.parametrize(
    "comment", ['# image {"$imagepolicy": "d:a"}', '# {"$imagepolicy": "d:a"', '# {"$imagepolicy": 1}']
)
@pytest.mark.parametrize("before", ["k: v ", "k: ", "k: | "])
def test_malformed_marker_is_reported(before: str, comment: str) -> None:
    if before == "k: | ":
        comment += "\n  text"
    (finding,) = apply("f", f"{before}{comment}\n".encode(), REFS).findings
    assert finding.reason is FindingReason.MALFORMED


def test_marker_text_inside_scalars_is_nobodys_business() -> None:
    text = f"a: |\n  v # {mark('d:a')}\nb: 'x # {mark('no:pe')}'\nc: old # {mark('d:a:tag')}\n"
    edit = apply("f", text.encode(), REFS)
    assert len(edit.changes) == 1
    assert edit.findings == ()


def test_other_marks_are_updated_beside_findings() -> None:
    text = f"a: x # {mark('no:pe')}\nb: x # {mark('d:a:tag')}\nc: # {mark('d:a')}\nd: x # {mark('d:a:x')}\n"
    edit = apply("f", text.encode(), REFS)
    assert [change.line for change in edit.changes] == [2]
    assert [(f.line, f.reason) for f in edit.findings] == [
        (1, FindingReason.UNKNOWN_POLICY),
        (3, FindingReason.MISPLACED),
        (4, FindingReason.UNKNOWN_SUFFIX),
    ]


def test_findings_are_bounded_and_the_rest_is_counted() -> None:
    edit = apply("f", f"k: v # {mark('no:pe')}\n---\n".encode() * 250, REFS)
    assert len(edit.findings) == MAX_FINDINGS
    assert edit.findings[-1].reason is FindingReason.MORE
    assert edit.findings[-1].message == "151 more findings are not listed"


def test_file_that_would_read_otherwise_is_refused() -> None:
    """A redefined `!!` changes what the tag we write means; nobody has such files, but the safety net must hold."""
    data = f"---\n%TAG !! tag:example.com:\n---\nk: !<tag:yaml.org,2002:int> 5 # {mark('d:a:tag')}\n".encode()
    edit = apply("f", data, REFS)
    assert edit.data is data
    assert not edit.changed
    assert [finding.reason for finding in edit.findings] == [FindingReason.REFUSED]


def test_value_with_any_characters_is_read_back() -> None:
    refs = {"d:x": ImageRef("a: b", '"\\\n\t\x00é\u2028😀 #')}
    for style in ("x", "'x'", '"x"'):
        edit = apply("f", f"k: {style} # {mark('d:x')}\n".encode(), refs)
        assert [change.new_value for change in edit.changes] == [str(refs["d:x"])]


def test_hostile_depth_is_a_finding() -> None:
    (finding,) = apply("f", b'# "$imagepolicy"\na: ' + b"[" * (MAX_DEPTH * 200), REFS).findings
    assert finding.reason is FindingReason.UNPARSABLE
