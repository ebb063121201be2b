"""Which comments are markers, which were meant as one and get a finding, and which are nothing.

Files as people write them; `@` in them stands for a valid marker of a policy that is there.
"""

import pytest

from controllers.image.ref import ImageRef
from controllers.setters import FindingReason, apply, mentions_marker
from controllers.setters.attempts import contains_attempt, is_attempt
from controllers.setters.line_markers import apply_lines
from testing.costs import costs_less_than

MARKER = '{"$imagepolicy": "apps:web"}'
REFS = {"apps:web": ImageRef("x/web", "1.2.0")}
MALFORMED, MISPLACED, NOT_YAML = FindingReason.MALFORMED, FindingReason.MISPLACED, FindingReason.UNPARSABLE
NO_POLICY, NO_SUFFIX = FindingReason.UNKNOWN_POLICY, FindingReason.UNKNOWN_SUFFIX

MISSPELT = [
    pytest.param("""{'$imagepolicy': "apps:web"}""", id="single-quotes-around-the-key"),
    pytest.param("{'$imagepolicy': 'apps:web'}", id="single-quotes"),
    pytest.param("{`$imagepolicy`: `apps:web`}", id="backticks"),
    pytest.param("{“$imagepolicy”: “apps:web”}", id="typographic-quotes"),
    pytest.param(r"{\"$imagepolicy\": \"apps:web\"}", id="escaped-quotes"),
    pytest.param("{$imagepolicy: apps:web}", id="no-quotes"),
    pytest.param("{$imagepolicy: 'apps:web'}", id="json5"),
    pytest.param('{$imagepolicy: "apps:web"}', id="no-quotes-around-the-key"),
    pytest.param('{"$imagepolicy": apps:web}', id="no-quotes-around-the-value"),
    pytest.param('{"$imagepolicy: "apps:web"}', id="missing-quote"),
    pytest.param('{"$imagepolicy": "apps:web}', id="missing-last-quote"),
    pytest.param('{"$imagepolicy": "apps:web"', id="missing-last-brace"),
    pytest.param('"$imagepolicy": "apps:web"}', id="missing-first-brace"),
    pytest.param('"$imagepolicy": "apps:web"', id="no-braces"),
    pytest.param("$imagepolicy: apps:web", id="no-braces-and-quotes"),
    pytest.param('["$imagepolicy": "apps:web"]', id="brackets"),
    pytest.param('("$imagepolicy": "apps:web")', id="parentheses"),
    pytest.param('{{"$imagepolicy": "apps:web"}}', id="two-braces"),
    pytest.param('{"$imagepolicy" "apps:web"}', id="no-colon-behind-the-key"),
    pytest.param('{"$imagepolicy" = "apps:web"}', id="equals-sign"),
    pytest.param('{"$imagepolicy"; "apps:web"}', id="semicolon"),
    pytest.param('{"$imagepolicy": "apps:web",}', id="trailing-comma"),
    pytest.param('{"$imagepolicy": ["apps:web"]}', id="list"),
    pytest.param('{"$imagepolicy": 3}', id="number"),
    pytest.param('{"$imagepolicy": ""}', id="empty"),
    pytest.param('{"$imagepolicy": null}', id="null"),
    pytest.param('{"$imagepolicy": "apps:web", "n": 1}', id="number-beside"),
    pytest.param('{"$imagepolicy"}', id="key-only"),
    pytest.param('{"$imagePolicy": "apps:web"}', id="capital"),
    pytest.param('{"$ImagePolicy": "apps:web"}', id="two-capitals"),
    pytest.param('{"$IMAGEPOLICY": "apps:web"}', id="all-capitals"),
    pytest.param('{"imagepolicy": "apps:web"}', id="no-dollar"),
    pytest.param("{imagePolicy: apps:web}", id="no-dollar-and-no-quotes"),
    pytest.param('{"$imagepolicies": "apps:web"}', id="plural"),
    pytest.param('{"$image-policy": "apps:web"}', id="hyphen"),
    pytest.param('{"$image_policy": "apps:web"}', id="underscore"),
    pytest.param('{"$imagepolicy ": "apps:web"}', id="space-in-the-key"),
    pytest.param('{"$imagepolicy": {"name": "apps:web"}}', id="object"),
    pytest.param("{“imagepolicy”: “apps:web”}", id="no-dollar-and-typographic-quotes"),
    pytest.param('{ "$imagepolicy" : apps/web }', id="slash-without-quotes"),
]
BESIDE_ONLY = [
    pytest.param(f"{MARKER} keep in sync", id="text-behind"),
    pytest.param(f"the frontend {MARKER}", id="text-before"),
    pytest.param(f"see: {MARKER}.", id="text-around"),
    pytest.param(f'{MARKER} # {{"x": "y"}}', id="two-comments"),
    pytest.param(f"{MARKER} {MARKER}", id="twice"),
    pytest.param(f'{MARKER}, {{"$imagepolicy": "apps:other"}}', id="two-markers"),
    pytest.param(f"nginx:1.0 # {MARKER}", id="old-value-before"),
]
NO_ATTEMPT = [
    pytest.param("updated by the $imagepolicy marker in values.yaml", id="prose"),
    pytest.param('carries a "$imagepolicy" comment', id="prose-in-quotes"),
    pytest.param("kind: ImagePolicy", id="kind"),
    pytest.param("see image-policy.yaml", id="file"),
    pytest.param("imagePullPolicy: Always", id="pull-policy"),
    pytest.param("ImagePolicy: apps/web", id="note"),
    pytest.param("see ImagePolicy apps:web", id="name-of-the-policy"),
    pytest.param("${imagePolicy}", id="variable"),
    pytest.param("{{ $imagePolicy }}", id="template"),
    pytest.param('{{- $imagePolicy := "x" -}}', id="assignment-in-a-template"),
    pytest.param("{imagePolicy}", id="placeholder"),
    pytest.param(f"# {MARKER}", id="commented-out"),
    pytest.param(f"## {MARKER}", id="commented-out-twice"),
    pytest.param('{"$openapi": "web-image"}', id="kpt-openapi"),
    pytest.param('{"$kpt-set": "web-image"}', id="kpt-set"),
    pytest.param('{"$ref": "#/definitions/io.k8s.cli.setters.replicas"}', id="kustomize-setter"),
    pytest.param("kpt-set: ${image}", id="kpt-function"),
    pytest.param("renovate: datasource=docker depName=nginx", id="renovate"),
    pytest.param("fluxcd.io/automated: 'true'", id="flux-1"),
    pytest.param("", id="empty-comment"),
]


def beside(comment: str) -> bytes:
    """Return a file with a comment behind a value, and a marker that works, so that the file is looked at."""
    return f"a: b\nimage: r:1 # {comment}\nok: x/web:1.2.0 # {MARKER}\n".encode()


@pytest.mark.parametrize("comment", [*MISSPELT, *BESIDE_ONLY])
def test_misspelt_marker_beside_a_value_is_one_finding(comment: str) -> None:
    edit = apply("f.yaml", beside(comment), REFS)
    assert [(finding.line, finding.reason) for finding in edit.findings] == [(2, MALFORMED)]
    assert edit.data == beside(comment)


@pytest.mark.parametrize("comment", MISSPELT)
def test_misspelt_marker_is_found_in_a_file_without_any_other(comment: str) -> None:
    data = f"image: r:1 # {comment}\n".encode()
    assert mentions_marker(data)
    assert [finding.reason for finding in apply("f.yaml", data, REFS).findings] == [MALFORMED]


@pytest.mark.parametrize("comment", MISSPELT)
@pytest.mark.parametrize("file", ["l:\n# {}\n- r:1\n", "k: v\n\n# {}\nimage: r:1\n", "l: # the list\n# {}\n- r:1\n"])
def test_misspelt_marker_on_a_line_of_its_own_is_one_finding(file: str, comment: str) -> None:
    edit = apply("f.yaml", file.replace("{}", comment).encode(), REFS)
    assert [finding.reason for finding in edit.findings] == [MALFORMED]


@pytest.mark.parametrize("comment", NO_ATTEMPT)
@pytest.mark.parametrize("before", ["image: r:1 ", "image: ", "", "  ", "-", "l:\n- ", "k: |  \n  text\n"])
def test_other_comments_are_nothing(before: str, comment: str) -> None:
    data = f"{before}# {comment}\n---\nok: x/web:1.2.0 # {MARKER}\n".encode()
    if before == "-":
        data = b"- " + data[1:]
    assert apply("f.yaml", data, REFS).findings == ()


@pytest.mark.parametrize("comment", BESIDE_ONLY)
def test_prose_on_a_line_of_its_own_is_nothing(comment: str) -> None:
    for file in (f"# {comment}\nimage: r:1\n", f"l:\n  # {comment}\n  - r:1\n", f"k: v\n# {comment}\n"):
        assert apply("f.yaml", file.encode(), REFS).findings == ()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        # Lines that are commented out.
        pytest.param("# image: r:1 # @\nk: v\n", [], id="commented-out-line"),
        pytest.param("k: v\n#image: r:1 # @\n", [], id="commented-out-line-without-a-space"),
        pytest.param("k: v\n## image: r:1 # @\n", [], id="commented-out-twice"),
        pytest.param("k: v\n# # image: r:1 # @\n", [], id="commented-out-again"),
        pytest.param("l:\n  - a\n  # - r:1 # @\n  - b\n", [], id="commented-out-item"),
        pytest.param("l:\n  # - name: x\n  #   image: r:1 # @\n  - name: y\n", [], id="commented-out-map-in-a-list"),
        pytest.param("# l:\n#   # @\n#   - r:1\nk: v\n", [], id="commented-out-list-with-a-marker-above"),
        pytest.param("#l:\n#@\n#- r:1\nk: v\n", [], id="commented-out-list-without-spaces"),
        pytest.param("k:\n  # @\n  # - r:1\n  l: m\n", [], id="commented-out-below-a-key"),
        pytest.param("#   image: r:1 # {'$imagepolicy': \"apps:web\"}\nk: v\n", [], id="commented-out-and-misspelt"),
        pytest.param("#kind: Deployment\n#spec:\n#  image: r:1 #@\n", [], id="nothing-but-comments"),
        pytest.param("k: v\n# image: r:1\t# @\n", [], id="tab"),
        pytest.param("k: v\r\n# image: r:1 # @\r\n", [], id="crlf"),
        pytest.param("\ufeff# image: r:1 # @\nk: v\n", [], id="byte-order-mark"),
        # Prose about markers.
        pytest.param("# Put @ behind the tag.\nk: v\n", [], id="sentence"),
        pytest.param("# @ is what tagline looks for\nk: v\n", [], id="sentence-that-begins-with-one"),
        pytest.param("# Mark values like this:\n#   @\nimage: r:1\n", [], id="example-in-a-block"),
        pytest.param("# Mark values like this:\n# @\n# and commit.\nimage: r:1\n", [], id="example-inside-a-block"),
        pytest.param("# Mark values:\n#\n# @\n#\nimage: r:1\n", [], id="example-between-empty-comments"),
        pytest.param("# Markers\n#    @\nimage: r:1\n", [], id="indented-example"),
        pytest.param("# A marker\n# @\n\nimage: r:1\n", [], id="block-before-an-empty-line"),
        pytest.param("# The tag is set by:\n# @\n- r:1\n", [], id="example-above-an-item"),
        pytest.param("image: r:1 # set by $imagepolicy\n", [], id="key-in-a-sentence"),
        # Scalars are nobody's business.
        pytest.param("k: |\n  image: r:1 # @\n", [], id="inside-a-literal"),
        pytest.param("k: >\n  image: r:1 # @\n", [], id="inside-a-folded"),
        pytest.param("k: 'r:1 # M'\n", [], id="inside-quotes"),
        pytest.param("k: |\n  {{- $imagePolicy := 1 }}\n", [], id="template-inside-a-literal"),
        # Markers that mark nothing.
        pytest.param("# @\nimage: r:1\n", [(1, MISPLACED)], id="above-a-key"),
        pytest.param("image: r:1\n# @\nk: v\n", [(2, MISPLACED)], id="below-a-value"),
        pytest.param("k: v\n# the tag\n# @\nimage: r:1\n", [(3, MISPLACED)], id="above-a-key-below-a-note"),
        pytest.param("l:\n# the frontend\n# @\n- r:1\n", [(3, MISPLACED)], id="above-an-item-below-a-note"),
        pytest.param("l:\n# @\n# @\n- r:1\n", [(2, MISPLACED), (3, MISPLACED)], id="two-above-an-item"),
        pytest.param("l:\n# @\n- r:1 # x\n", [(2, MISPLACED)], id="above-an-item-with-a-comment"),
        pytest.param("image: # @\n  r:1\n", [(1, MISPLACED)], id="behind-a-key-with-its-value-below"),
        pytest.param("image: # @\n", [(1, MISPLACED)], id="empty-value"),
        pytest.param("image: # @\n  name: r\n", [(1, MISPLACED)], id="map"),
        pytest.param("images: # @\n- r:1\n", [(1, MISPLACED)], id="list"),
        pytest.param("l:\n- # @\n  name: r\n", [(2, MISPLACED)], id="item-that-is-a-map"),
        pytest.param("? r # @\n: v\n", [(1, MISPLACED)], id="key"),
        pytest.param("a: &x r:1\nk: *x # @\n", [(2, MISPLACED)], id="alias"),
        pytest.param("a: &x # @\n  k: v\n", [(1, MISPLACED)], id="anchor-of-a-map"),
        pytest.param("l: [a, r:1] # @\n", [(1, MISPLACED)], id="flow-list"),
        pytest.param("image: {{ .Values.image }} # @\n", [(1, MISPLACED)], id="template-that-reads-as-a-map"),
        pytest.param("k: |\n  text\n# @\nx: y\n", [(3, MISPLACED)], id="below-a-literal"),
        pytest.param("--- # @\nk: v\n", [(1, MISPLACED)], id="document-start"),
        pytest.param("k: v\n...\n# @\n", [(3, MISPLACED)], id="behind-the-last-document"),
        pytest.param("image: r:1\nimage: r:2 # @\n", [(2, MISPLACED)], id="repeated-key"),
        # Markers that name nothing.
        pytest.param('k: v # {"$imagepolicy": "apps"}\n', [(1, NO_POLICY)], id="no-colon"),
        pytest.param('k: v # {"$imagepolicy": "apps/web"}\n', [(1, NO_POLICY)], id="slash"),
        pytest.param('k: v # {"$imagepolicy": "web:apps"}\n', [(1, NO_POLICY)], id="other-order"),
        pytest.param('k: v # {"$imagepolicy": "Apps:Web"}\n', [(1, NO_POLICY)], id="capitals"),
        pytest.param('k: v # {"$imagepolicy": " apps:web"}\n', [(1, NO_POLICY)], id="space-in-front"),
        pytest.param('k: v # {"$imagepolicy": "apps: web"}\n', [(1, NO_POLICY)], id="space-inside"),
        pytest.param('k: v # {"$imagepolicy": "${NS}:web"}\n', [(1, NO_POLICY)], id="variable"),
        pytest.param('k: v # {"$imagepolicy": "apps:web:tags"}\n', [(1, NO_SUFFIX)], id="tags"),
        pytest.param('k: v # {"$imagepolicy": "apps:web:Tag"}\n', [(1, NO_SUFFIX)], id="capital-suffix"),
        pytest.param('k: v # {"$imagepolicy": "apps:web/tag"}\n', [(1, NO_POLICY)], id="slash-before-the-suffix"),
        # Markers that work.
        pytest.param("image: x/web:1.2.0 #@\n", [], id="no-space"),
        pytest.param("image: x/web:1.2.0 ##\t @ \n", [], id="hashes-and-tabs"),
        pytest.param("image: &x x/web:1.2.0 # @\n", [], id="anchored"),
        pytest.param("image: | # @\n  x/web:1.2.0\n", [], id="literal-whose-line-break-would-go"),
        pytest.param("- x/web:1.2.0 # @\n", [], id="list-at-the-root"),
        # Files that cannot be parsed.
        pytest.param("{{- if .x }}\nimage: r:1 # @\n{{- end }}\n", [(1, NOT_YAML)], id="helm-template"),
        pytest.param("{{- if .x }}\n# image: r:1 # @\n{{- end }}\n", [], id="helm-template-with-a-line-commented-out"),
        pytest.param("{{- if .x }}\n# Put @ behind it.\n{{- end }}\n", [], id="helm-template-with-prose"),
        pytest.param("{{/* @ */}}\n{{- if .x }}\n", [], id="helm-comment"),
        pytest.param('{{- if .x }}\n{{- $imagePolicy := "a" }} # x\n{{- end }}\n', [], id="helm-variable"),
        pytest.param("{{- if .x }}\nk: v # {'$imagepolicy': 'apps:web'}\n", [], id="helm-template-misspelt"),
        pytest.param("image: r:1# @\n", [(1, NOT_YAML)], id="no-space-before-the-comment"),
        pytest.param("image: r:1 // @\n", [(1, NOT_YAML)], id="slashes"),
        pytest.param("image: [r:1 # @\n", [(2, NOT_YAML)], id="unclosed"),
        pytest.param("image: [r:1\n# k: v # @\n", [], id="unclosed-with-a-line-commented-out"),
    ],
)
def test_files_as_people_write_them(text: str, want: list[tuple[int, FindingReason]]) -> None:
    edit = apply("f.yaml", text.replace("@", MARKER).encode(), REFS)
    assert [(finding.line, finding.reason) for finding in edit.findings] == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("# TAG=1 # @\n", [], id="env-commented-out"),
        pytest.param('  // "image": "r:1", // @\n', [], id="jsonc-commented-out"),
        pytest.param('#tag = "1" # @\n', [], id="hcl-commented-out"),
        pytest.param("# @\n# FROM web:1\nRUN x\n", [], id="instruction-commented-out"),
        pytest.param("# # @\n# FROM web:1\n", [], id="instruction-and-marker-commented-out"),
        pytest.param("# Put @ above FROM.\nFROM web:1\n", [], id="prose"),
        pytest.param("TAG=1 # see ImagePolicy apps:web\n", [], id="note"),
        pytest.param("TAG=1 # # @\n", [], id="marker-commented-out"),
        pytest.param("TAG=1 # {'$imagepolicy': 'apps:web'}\n", [(1, MALFORMED)], id="single-quotes"),
        pytest.param('tag = "1" # {"$imagePolicy": "apps:web"}\n', [(1, MALFORMED)], id="capital"),
        pytest.param('"a": "http://x/y", // {$imagepolicy: apps:web}\n', [(1, MALFORMED)], id="slashes-in-the-value"),
        pytest.param("# {'$imagepolicy': 'apps:web'}\nFROM web:1\n", [(1, MALFORMED)], id="above-an-instruction"),
        pytest.param("# @\n# the base\nFROM web:1\n", [(2, MISPLACED)], id="note-between-marker-and-instruction"),
    ],
)
def test_lines_as_people_write_them(text: str, want: list[tuple[int, FindingReason]]) -> None:
    data = text.replace("@", MARKER).encode()
    edit = apply_lines("f", data, REFS)
    assert (edit.data, [(finding.line, finding.reason) for finding in edit.findings]) == (data, want)


BODIES = [
    "{" * 1000,
    '{"' * 500,
    "$imagepolicy" * 80,
    "{" + "$imagepolicy " * 70,
    "{," * 500,
    '"$imagepolicy' + '"' * 900,
    '"$imagepolicy' + ' "' * 450,
    '{"$imagepolicy": "' + "'" * 900,
    '{"$imagepolicy' + '"},' * 300,
    '"$imagepolicy' + ",a" * 450,
    "imagepolicy: a:b" + "`" * 900,
    "imagepolicy: a:b," * 60,
    '"' * 500 + "$imagepolicy" + '"' * 500,
    " " * 500 + "imagepolicy=a:b" + " " * 500,
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("end", ['"', "{", "{x", "}}{", " x"])
def test_judgement_takes_linear_time(body: str, end: str) -> None:
    body += end
    assert len(body) <= 1024
    with costs_less_than(1):
        for _ in range(10):
            contains_attempt(body)
            is_attempt(body)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("last", ["image: r:1\n", "image: [\n"], ids=["yaml", "no-yaml"])
def test_files_full_of_such_comments_are_judged_in_time(body: str, last: str) -> None:
    text = f"# {body}{{\nimage: r:1\n" * 100 + last
    with costs_less_than(5):
        apply("a.yaml", text.encode(), REFS)
        apply_lines("a.env", text.encode(), REFS)


@pytest.mark.parametrize("line", ["#magepolic\n", '#"magepolic ', '"imagepolicy ', '#"imagepolic ', " $imagepolicie"])
def test_large_files_that_nearly_mention_a_marker_are_looked_through_in_time(line: str) -> None:
    data = (line * ((2 << 20) // len(line))).encode()
    with costs_less_than(5):
        assert not mentions_marker(data)


@pytest.mark.parametrize("far", [b"", b"x" * 900])
@pytest.mark.parametrize("before", [b"", b"#magepolic " * 500, b"#magepolic\n" * 500])
def test_a_marker_among_many_that_are_none_is_found(before: bytes, far: bytes) -> None:
    assert mentions_marker(before + b"a: b # " + far + b'{"imagepolicy": "apps:web"}')


def test_most_files_are_not_even_parsed() -> None:
    assert not mentions_marker(b"kind: ImagePolicy\nspec:\n  imagePullPolicy: Always # see ImagePolicy web\n")
    assert not mentions_marker(b"text: $imagepolicy\n")
    assert mentions_marker(b"a: b # {$imagepolicy: x:y}")
