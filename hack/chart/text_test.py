"""Trees as template text; what Helm makes of it is compared in `hack.chart.equal_test`."""

from hack.chart.templates import expression
from hack.chart.text import comment, render_tree
from hack.chart.tree import Branch, Setting, Text, patch, plant, put


def lines(tree: object) -> list[str]:
    assert isinstance(tree, Branch)
    return render_tree(tree, expression)


def test_parts_with_the_same_condition_stand_behind_one_if() -> None:
    tree = plant({"list": ["a", "b", {"c": 1}, "d"]})
    for _ in range(2):
        patch(tree, {"op": "remove", "path": "/list/1"}, "flux-sources")
    assert lines(tree) == [
        "list:", "- a", "{{- if not .Values.components.fluxSources }}", "- b", "- c: 1", "{{- end }}", "- d",
    ]  # fmt: skip


def test_what_is_replaced_stands_in_an_else() -> None:
    tree = plant({"kind": "ClusterRole"})
    patch(tree, {"op": "replace", "path": "/kind", "value": "Role"}, "namespaced")
    assert lines(tree) == [
        "{{- if .Values.components.namespaced }}", "kind: Role", "{{- else }}", "kind: ClusterRole", "{{- end }}",
    ]  # fmt: skip


def test_several_conditions_are_joined() -> None:
    tree = plant({"a": 1})
    patch(tree, {"op": "add", "path": "/b", "value": 2}, "x")
    patch(tree, {"op": "remove", "path": "/b"}, "y")
    assert "{{- if and .Values.components.x (not .Values.components.y) }}" in lines(tree)


def test_text_that_would_be_a_template_is_none() -> None:
    assert lines(plant({"a": "{{ .Tag }}"})) == ["a: '{{ \"{{\" }} .Tag }}'"]


def test_settings_are_indented_below_their_key_and_left_out_where_they_are_empty() -> None:
    tree = Branch("map")
    put(tree, "name", Text("{{ .Release.Name }}"))
    put(tree, "labels", Setting("$settings.labels"))
    assert lines(plant({"a": 1})) == ["a: 1"]
    assert lines(tree) == [
        "name: {{ .Release.Name }}",
        "{{- with $settings.labels }}", "labels:", "  {{- toYaml . | nindent 2 }}", "{{- end }}",
    ]  # fmt: skip


def test_a_list_whose_first_key_has_a_condition_is_a_list_all_the_same() -> None:
    tree = plant([{"a": 1, "b": 2}])
    patch(tree, {"op": "remove", "path": "/0/a"}, "x")
    assert lines(tree) == ["-", "  {{- if not .Values.components.x }}", "  a: 1", "  {{- end }}", "  b: 2"]


def test_comments_are_wrapped() -> None:
    assert comment("one two", 6, 1) == [" # one", " # two"]
