"""`controllers.template.flux`: an image of the old data model prints what go-containerregistry's types print."""

from datetime import UTC, datetime

import pytest

from controllers.template import FileChange, ObjectRef, TemplateChange, TemplateData, TemplateError, render

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
DATA = TemplateData(
    "ns",
    "name",
    [
        FileChange(
            "a.yaml",
            ObjectRef("v1", "Pod", "n", "x"),
            [
                TemplateChange("a", "b", "ns:p", "nginx:1.0"),
                TemplateChange("a", "c", "ns:q:tag", f"ghcr.io/a/b:1.0@{DIGEST}"),
            ],
        )
    ],
)
FIRST, SECOND = "(index .Updated.Images 0)", "(index .Updated.Images 1)"


@pytest.mark.parametrize(
    ("expression", "want"),
    [
        pytest.param(
            "toJson .Updated.Images",
            f'[{{"Reference":"nginx:1.0"}},{{"Reference":"ghcr.io/a/b:1.0@{DIGEST}"}}]',
            id="json",
        ),
        pytest.param(f"toJson {FIRST}.Context", '"index.docker.io/library/nginx"', id="json-of-the-repository"),
        pytest.param(
            f'printf "%d" {FIRST}',
            "{{{{%!d(bool=false) %!d(string=index.docker.io)} %!d(string=nginx)} "
            "%!d(string=1.0) %!d(string=nginx:1.0)} {%!d(string=ns) %!d(string=p)}}",
            id="other-verbs-show-the-parts",
        ),
        pytest.param(
            f'printf "%#v" {SECOND}.Reference',
            'name.Digest{Repository:name.Repository{Registry:name.Registry{insecure:false, registry:"ghcr.io"}, '
            f'repository:"a/b"}}, digest:"{DIGEST}", original:"ghcr.io/a/b:1.0@{DIGEST}"}}',
            id="go-syntax",
        ),
        pytest.param(f'printf "%q %T" {FIRST} {FIRST}', '"nginx:1.0" update.imageRef', id="text-and-type"),
        pytest.param(f"{FIRST}.Reference.TagStr", "1.0", id="tag"),
        pytest.param(f"{SECOND}.Reference.DigestStr", DIGEST, id="digest"),
        pytest.param(f"{SECOND}.Reference.Repository.Registry", "ghcr.io", id="registry-of-the-reference"),
        pytest.param(f"{FIRST}.Context.RepositoryStr", "library/nginx", id="path"),
        pytest.param(f'{FIRST}.Context.Scope "pull"', "repository:library/nginx:pull", id="scope"),
        pytest.param(f"typeOf {FIRST}.Context", "name.Repository", id="type-of-the-repository"),
    ],
)
def test_what_an_image_shows(expression: str, want: str) -> None:
    assert render(f"{{{{ {expression} }}}}", DATA, now=NOW) == want


def test_unexported_fields_are_out_of_reach() -> None:
    with pytest.raises(TemplateError, match=r"policy is an unexported field of struct type update\.ImageRef"):
        render(f"{{{{ {FIRST}.policy }}}}", DATA, now=NOW)
