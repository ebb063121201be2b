"""What lint finds, rule by rule."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

from controllers.documents.manifests import KINDS as MANIFEST_KINDS
from controllers.lint.fields import ONLY_IN_TAGLINE
from controllers.lint.fixes import apply_fixes
from controllers.lint.lint import lint
from controllers.lint.rules import RULES, LintFinding

REPOSITORY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: apps}
spec:
  image: ghcr.io/org/web
  interval: 10m
"""
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec:
  imageRepositoryRef: {name: web}
  policy:
    semver:
      range: ^1
"""
AUTOMATION = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: fleet, namespace: apps}
spec:
  interval: 10m
  sourceRef: {kind: GitRepository, name: fleet}
  git:
    commit:
      author: {email: a@example.com}
      messageTemplate: "{{ range .Changed.Changes }}{{ .NewValue }}{{ end }}"
  update:
    path: ./
"""
OBJECTS = f"{REPOSITORY}---\n{POLICY}---\n{AUTOMATION}"
MARKER = '# {"$imagepolicy": "apps:web"}'
APP = f"image: ghcr.io/org/web:1.0.0 {MARKER}\n"


def find(app: str = APP, objects: str = OBJECTS, *, name: str = "app.yaml", flux: bool = False) -> list[str]:
    """Return `file:line:column rule` of each finding."""
    files = {name: app.encode(), "objects.yaml": objects.encode()}
    found = lint(files.items(), flux=flux)
    assert all(one.message and one.rule in RULES for one in found)
    return [f"{one.file}:{one.line}:{one.column} {one.rule}" for one in found]


def test_nothing_is_wrong() -> None:
    assert find(flux=True) == []


def test_files_without_objects_say_nothing_about_policies() -> None:
    assert find(objects="") == []


@pytest.mark.parametrize(
    ("app", "want"),
    [
        pytest.param("a: b\nimage: o/a:1 # {'$imagepolicy': 'apps:web'}\n".replace("'", '"').replace('web"}', 'web}'),
                     "2:14 malformed-marker", id="broken-json"),
        pytest.param(f"image: {MARKER}\n  a: b\n", "1:8 misplaced-marker", id="map"),
        pytest.param(f"a: &x ghcr.io/org/web:1\nimage: *x {MARKER}\n", "2:11 misplaced-marker", id="alias"),
        pytest.param(f"image: |\n  ghcr.io/org/web:1\n{MARKER}\n", "3:1 misplaced-marker", id="block-scalar"),
        pytest.param(f"a: b\n\n{MARKER}\n", "3:1 misplaced-marker", id="line-of-its-own"),
        pytest.param(f"image: [ {MARKER}\n", "2:0 not-yaml", id="not-yaml"),
        pytest.param("ü: x\nimage: o/a:1 # {\"$imagepolicy\": \"apps:wep\"}\n", "2:8 unknown-policy", id="unknown"),
        pytest.param("image: a/b # {\"$imagepolicy\": \"web\"}\n", "1:12 malformed-marker", id="no-namespace"),
        pytest.param("tag: a # {\"$imagepolicy\": \"apps:web:version\"}\n", "1:6 unknown-suffix", id="suffix"),
        pytest.param(APP + "sops: {mac: x}\n", "1:8 encrypted-file", id="encrypted"),
        pytest.param(APP.replace("web:1", "api:1"), "1:8 other-image", id="other-image"),
    ],
)  # fmt: skip
def test_markers(app: str, want: str) -> None:
    assert find(app) == [f"app.yaml:{want}"]


@pytest.mark.parametrize(
    ("before", "after", "want"),
    [
        pytest.param("path: ./", "path: ./other", "outside-path", id="path"),
        pytest.param("  interval: 10m\n  source", "  policySelector: {matchLabels: {a: b}}\n  interval: 10m\n  source",
                     "unselected-policy", id="selector"),
        pytest.param("fleet, namespace: apps", "fleet, namespace: infra", "foreign-policy", id="namespace"),
    ],
)  # fmt: skip
def test_markers_that_no_automation_follows(before: str, after: str, want: str) -> None:
    assert find(objects=OBJECTS.replace(before, after)) == [f"app.yaml:1:8 {want}"]


def test_files_that_are_not_yaml() -> None:
    assert find(f"IMAGE=ghcr.io/org/web:1 {MARKER}\n", name=".env") == [".env:1:25 unread-file"]
    objects = OBJECTS.replace("path: ./", "files: ['*.env']")
    assert find(f"IMAGE=ghcr.io/org/web:1 {MARKER}\n", objects, name="a.env") == []


@pytest.mark.parametrize(
    ("before", "after", "want"),
    [
        pytest.param("range: ^1", "range: one", "15:14 invalid-policy", id="range"),
        pytest.param("range: ^1", "range: [1]", "15:14 invalid-object", id="type"),
        pytest.param("range: ^1", "rnage: ^1", "15:7 unknown-field", id="unknown-field"),
        pytest.param("  interval: 10m\n", "", "5:3 missing-field", id="missing-field"),
        pytest.param("range: ^1", "range: ^2", "15:14 no-matching-tag", id="tags"),
        pytest.param("  policy:\n", "  filterTags: {pattern: ^v}\n  policy:\n", "13:25 no-matching-tag", id="filter"),
        pytest.param("  policy:\n", "  filterTags: {pattern: (}\n  policy:\n", "13:25 invalid-policy", id="pattern"),
        pytest.param("Ref: {name: web}", "Ref: {name: wep}", "12:30 unknown-repository", id="ref"),
        pytest.param("image: ghcr.io/org/web", "image: https://ghcr.io/org/web", "5:10 invalid-image", id="image"),
        pytest.param("interval: 10m", "interval: 10", "6:13 invalid-object", id="interval-number"),
        pytest.param("interval: 10m", "interval: 10 m", "6:13 invalid-interval", id="interval"),
        pytest.param("interval: 10m", "interval: 5s", "6:13 short-interval", id="short"),
        pytest.param("interval: 10m", "interval: 10m\n  exclusionList: ['(']", "7:18 invalid-exclusion", id="list"),
        pytest.param("{{ .NewValue }}", "{{ .NewValue ", "26:24 invalid-template", id="template-syntax"),
        pytest.param(".NewValue", ".Nothing", "26:24 invalid-template", id="template-field"),
        pytest.param("{{ .NewValue }}", "", "26:24 empty-message", id="template-empty"),
        pytest.param("path: ./", "path: ../x", "28:5 invalid-automation", id="path"),
        pytest.param("path: ./", "strategy: Other", "28:5 invalid-automation", id="strategy"),
    ],
)  # fmt: skip
def test_objects(before: str, after: str, want: str) -> None:
    assert before in OBJECTS
    found = find(objects=OBJECTS.replace(before, after, 1))
    assert f"objects.yaml:{want}" in found
    assert {one.split()[0].partition(":")[0] for one in found} <= {"objects.yaml", "app.yaml"}
    assert len([one for one in found if one.startswith("objects.yaml")]) == 1 + ("rnage" in after)


def test_two_objects_of_one_name() -> None:
    assert find(objects=f"{OBJECTS}---\n{REPOSITORY}") == ["objects.yaml:32:18 duplicate-object"]


def test_what_flux_substitutes_is_not_judged() -> None:
    objects = OBJECTS.replace("interval: 10m", "interval: ${INTERVAL}").replace("^1", "${RANGE}")
    assert find(objects=objects.replace("ghcr.io/org/web\n", "${IMAGE}\n").replace("other", "x")) in (
        [],
        ["app.yaml:1:8 other-image"],
    )


def test_fields_that_flux_drops() -> None:
    objects = OBJECTS.replace("    semver:", "    minAge: 1h\n    semver:")
    assert find(objects=objects) == []
    assert find(objects=objects, flux=True) == ["objects.yaml:14:5 flux-drops-field"]


@pytest.mark.parametrize("kind", ONLY_IN_TAGLINE)
def test_the_fields_of_tagline_are_those_that_the_api_calls_so(kind: str) -> None:
    module = MANIFEST_KINDS[kind][1].__module__.rpartition(".")[2]
    source = (Path(__file__).parents[2] / "api" / f"{module}.py").read_text()
    named = {
        re.sub(r"_(\w)", lambda found: found[1].upper(), ast.unparse(field.target))
        for struct in ast.parse(source).body
        if isinstance(struct, ast.ClassDef)
        for field, doc in pairwise(struct.body)
        if isinstance(field, ast.AnnAssign) and re.search("Only in tagline|Ours, not Flux's", ast.unparse(doc))
    }
    known = {path.rpartition(".")[2] for path in ONLY_IN_TAGLINE[kind]}
    assert named - STATUS == known


STATUS = {"traceParent", "selection", "sources", "observedLatestTags", "findings", "written", "pullRequests"}


@pytest.mark.parametrize(
    ("comment", "want"),
    [
        pytest.param('# {"$imagepolicy": apps:web}', MARKER, id="no-quotes"),
        pytest.param('# {"$imagepolicy": "apps:web:tag"', '# {"$imagepolicy": "apps:web:tag"}', id="no-brace"),
        pytest.param('#{"$imagepolicy" "apps:web"}', MARKER, id="no-colon"),
        pytest.param('# {"$imagepolicy": "apps/web"', MARKER, id="slash-no-brace"),
        pytest.param('# {"$imagepolicy": "apps/web"}', MARKER, id="slash"),
    ],
)
def test_safe_fixes(comment: str, want: str) -> None:
    data = f"a: b\r\nimage: ghcr.io/org/web:1 {comment}\r\nc: d\r\n".encode()
    [one] = lint({"a.yaml": data}.items())
    assert one.fix
    fixed = apply_fixes(data, [one.fix])
    assert fixed.decode() == f"a: b\r\nimage: ghcr.io/org/web:1 {want}\r\nc: d\r\n"
    assert lint({"a.yaml": fixed}.items()) == []


@pytest.mark.parametrize(
    "text",
    [
        'image: a/b:1 # {"$imagepolicy": "apps:web"} and {"$imagepolicy": "apps:api"}\n',
        'image: a/b:1 # {"$imagepolicy": "apps:web", "x": 1}\n',
        'image: a/b:1 # see {"$imagepolicy": apps:web}\n',
        'a: # {"$imagepolicy": apps:web}\n  b: c\n',
    ],
)
def test_what_nobody_can_know_is_not_mended(text: str) -> None:
    assert [one.fix for one in lint({"a.yaml": text.encode()}.items())] == [None]


def test_many_markers_hide_no_finding() -> None:
    text = (
        "".join(APP.replace("image", f"image{number}") for number in range(150)) + 'last: a/b:1 # {"$imagepolicy": a}\n'
    )
    found: list[LintFinding] = lint({"a.yaml": text.encode(), "objects.yaml": OBJECTS.encode()}.items())
    assert [(one.rule, one.line) for one in found] == [("malformed-marker", 151)]
