"""`controllers.template.eval`: what an error calls the type of a value, which in Go depends on where it is held."""

from datetime import UTC, datetime

import pytest

from controllers.template import TemplateData, TemplateError, render

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DATA = TemplateData("ns", "name", [], {"a": "b"})


def failure(template: str) -> str:
    with pytest.raises(TemplateError) as raised:
        render(template, DATA, now=NOW)
    return str(raised.value).rpartition(">: ")[2]


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        pytest.param("{{ range list 1 }}{{ .x }}{{ end }}", "interface {}", id="element-of-a-list"),
        pytest.param("{{ range until 1 }}{{ .x }}{{ end }}", "int", id="element-of-a-list-of-numbers"),
        pytest.param("{{ range dict `a` 1 }}{{ .x }}{{ end }}", "interface {}", id="value-of-a-dictionary"),
        pytest.param("{{ range .Values }}{{ .x }}{{ end }}", "string", id="value-of-a-map-of-strings"),
        pytest.param("{{ range $e := list 1 }}{{ $e.x }}{{ end }}", "interface {}", id="loop-variable"),
        pytest.param("{{ range $i, $e := list 1 }}{{ $i.x }}{{ end }}", "int", id="index"),
        pytest.param("{{ $e := 0 }}{{ range $e = list 1 }}{{ $e.x }}{{ end }}", "interface {}", id="assigned"),
        pytest.param("{{ range $e := list 1 }}{{ $e = 2 }}{{ $e.x }}{{ end }}", "int", id="loop-variable-assigned"),
        pytest.param("{{ range list 1 }}{{ $e := . }}{{ $e.x }}{{ end }}", "int", id="variable-of-an-element"),
        pytest.param("{{ range list 1 }}{{ with . }}{{ .x }}{{ end }}{{ end }}", "int", id="with-an-element"),
        pytest.param("{{ range list 1 }}{{ range until 1 }}{{ end }}{{ .x }}{{ end }}", "interface {}", id="behind"),
        pytest.param("{{ range list 1 }}{{ template `t` . }}{{ end }}{{ define `t` }}{{ .x }}{{ end }}", "int", id="a"),
        pytest.param("{{ range list 1 }}{{ (.).x }}{{ end }}", "int", id="in-parentheses"),
        pytest.param("{{ (dict `a` 1).a.x }}", "interface {}", id="entry-of-a-dictionary"),
        pytest.param("{{ .Values.a.x }}", "string", id="entry-of-a-map-of-strings"),
        pytest.param("{{ (first (list 1)).x }}", "int", id="result-of-a-function"),
    ],
)
def test_type_in_the_error_about_a_field(template: str, kind: str) -> None:
    assert failure(template) == f"can't evaluate field x in type {kind}"


def test_call_names_a_text_by_its_content_and_others_by_their_type() -> None:
    assert failure("{{ `x` | call }}").endswith("error calling call: non-function x of type string")
    assert failure("{{ 1 | call }}").endswith("error calling call: non-function <int Value> of type int")
