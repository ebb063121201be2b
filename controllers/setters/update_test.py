from controllers.setters import FindingReason, ImageRef, ObjectIdentifier, update

MARK = '{"$imagepolicy": "d:a:tag"}'
REFS = {"d:a": ImageRef("app", "v2")}


def pod(name: str, *tags: str) -> str:
    values = "".join(f"k{number}: {tag} # {MARK}\n" for number, tag in enumerate(tags))
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n{values}"


def test_only_candidates_below_the_path_are_touched() -> None:
    text = pod("p", "v1").encode()
    files = [(path, text) for path in ("apps/a.yaml", "apps/b.json", "apps2/c.yaml", "d.yaml", "apps/x/Kustomization")]
    got = update(files, REFS, "apps")
    assert list(got.edits) == ["apps/a.yaml", "apps/x/Kustomization"]
    assert [entry.file for entry in got.result] == ["a.yaml", "x/Kustomization"]
    assert got.edits["apps/a.yaml"].data == pod("p", "v2").encode()


def test_single_file_is_named_by_its_base_name() -> None:
    got = update([("apps/a.yaml", pod("p", "v1").encode())], REFS, "apps/a.yaml")
    assert [entry.file for entry in got.result] == ["a.yaml"]


def test_changes_are_grouped_by_object_and_sorted() -> None:
    text = "---\n".join((pod("z", "v1", "v0"), pod("a", "v1"), pod("same", "v2"), pod("z", "v3")))
    got = update([("b.yaml", text.encode()), ("a.yaml", pod("x", "v1").encode())], REFS)
    assert [(entry.file, entry.object.name, [c.old_value for c in entry.changes]) for entry in got.result] == [
        ("a.yaml", "x", ["v1"]),
        ("b.yaml", "a", ["v1"]),
        ("b.yaml", "z", ["v1", "v0", "v3"]),
    ]
    assert got.result[0].object == ObjectIdentifier("v1", "Pod", "", "x")


def test_bad_files_become_findings_and_the_others_go_on() -> None:
    files = [
        ("bad.yaml", f"key: [unclosed # {MARK}\ntab:\tx\n".encode()),
        ("helm/templates/x.yaml", f"{{{{- if .Values.on }}}}\ntag: v1 # {MARK}\n{{{{- end }}}}\n".encode()),
        ("list.yaml", f"- tag: v1 # {MARK}\n".encode()),
        ("good.yaml", pod("p", "v1").encode()),
    ]
    got = update(files, REFS)
    assert list(got.edits) == ["list.yaml", "good.yaml"]
    assert [(finding.file, finding.reason) for finding in got.findings] == [
        ("bad.yaml", FindingReason.UNPARSABLE),
        ("helm/templates/x.yaml", FindingReason.UNPARSABLE),
    ]


def test_nothing_to_do() -> None:
    got = update([("a.yaml", pod("p", "v2").encode()), ("b.yaml", b"\xff\xfe")], REFS)
    assert (got.edits, got.result, got.findings) == ({}, (), ())
