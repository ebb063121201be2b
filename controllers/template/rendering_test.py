"""What users write, the two data models, and the promises of `render`."""

from datetime import UTC, datetime, timedelta

import pytest

from controllers.template import (
    DEFAULT_MESSAGE,
    DataModel,
    FileChange,
    Limits,
    ObjectRef,
    RemovedField,
    TemplateChange,
    TemplateData,
    TemplateError,
    render,
    render_bytes,
)

NOW = datetime(2025, 1, 1, tzinfo=UTC)
WEB = FileChange(
    "apps/web.yaml",
    ObjectRef("apps/v1", "Deployment", "prod", "Web"),
    [TemplateChange("nginx:1.0.0", "nginx:1.1.0", "flux-system:nginx", "nginx:1.1.0")],
)
API = FileChange(
    "apps/api.yaml",
    ObjectRef("apps/v1", "StatefulSet", "prod", "api"),
    [TemplateChange("1.0.0", "1.0.1", "flux-system:api:tag", "ghcr.io/acme/api:1.0.1")],
)
DATA = TemplateData("flux-system", "apps", [WEB, API], {"cluster": "eu-1"})
INDEX_AS_IMAGE = (
    "{{ range $image, $_ := .Updated.Images -}}"
    '{{ if contains "1.0.0" $image -}} - {{ $image }} {{ else -}} [skip ci] wrong image {{ end -}}{{ end -}}'
)


def message(template: str, data: TemplateData = DATA, *, model: DataModel = DataModel.LEGACY) -> str:
    return render(template, data, now=NOW, model=model)


@pytest.mark.parametrize(
    ("template", "want"),
    [
        pytest.param("", DEFAULT_MESSAGE, id="empty-template-gives-the-default"),
        pytest.param(
            "{{range .Updated.Images}}{{println .}}{{end}}",
            "nginx:1.1.0\nghcr.io/acme/api:1.0.1\n",
            id="images-by-line",
        ),
        pytest.param("Automation name: {{ .AutomationObject }}", "Automation name: flux-system/apps", id="automation"),
        pytest.param(
            "{{ range $filename, $_ := .Updated.Files -}} - {{ $filename }} {{ end -}}",
            "- apps/api.yaml - apps/web.yaml ",
            id="files-in-order-of-name",
        ),
        pytest.param(
            "{{ range $resource, $_ := .Updated.Objects -}}"
            " - {{ $resource.Kind | lower }} {{ $resource.Name | lower }} {{ end -}}",
            "- deployment web - statefulset api ",
            id="objects-through-sprig",
        ),
        pytest.param(
            "{{ range .Updated.Images }}"
            "{{ .Registry }} {{ .Repository }} {{ .Identifier }} {{ .Name }} {{ .Policy }};{{ end }}",
            "index.docker.io library/nginx 1.1.0 index.docker.io/library/nginx:1.1.0 flux-system/nginx;"
            "ghcr.io acme/api 1.0.1 ghcr.io/acme/api:1.0.1 flux-system/api;",
            id="methods-of-an-image",
        ),
        pytest.param(
            "{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}\n{{ end }}",
            "nginx:1.0.0 -> nginx:1.1.0\n1.0.0 -> 1.0.1\n",
            id="new-model-beside-the-old",
        ),
        pytest.param("{{ len .Changed.ImageResult.Images }}", "2", id="image-result-of-v1beta2"),
        pytest.param(
            "{{ printf `%+v` .Changed }}",
            "{FileChanges:map["
            "apps/api.yaml:map[{ResourceIdentifier:{TypeMeta:{APIVersion:apps/v1 Kind:StatefulSet} "
            "NameMeta:{Name:api Namespace:prod}}}:[{OldValue:1.0.0 NewValue:1.0.1 Setter:flux-system:api:tag}]] "
            "apps/web.yaml:map[{ResourceIdentifier:{TypeMeta:{APIVersion:apps/v1 Kind:Deployment} "
            "NameMeta:{Name:Web Namespace:prod}}}:[{OldValue:nginx:1.0.0 NewValue:nginx:1.1.0 "
            "Setter:flux-system:nginx}]]]}",
            id="members-of-the-old-model-are-not-printed",
        ),
        pytest.param("{{ .Values.cluster }}/{{ .Values.zone }}", "eu-1/<no value>", id="values"),
    ],
)
def test_messages_users_write(template: str, want: str) -> None:
    assert message(template) == want


def test_index_of_a_list_taken_for_an_image_fails_as_in_go() -> None:
    # Flux's documentation showed this template; with two variables the first is the index, also in Flux.
    with pytest.raises(TemplateError) as failure:
        message(INDEX_AS_IMAGE)
    assert str(failure.value) == (
        'failed to run template from spec: template: commit message:1:65: executing "commit message" at <$image>: '
        "wrong type for value; expected string; got int"
    )
    assert message(INDEX_AS_IMAGE, TemplateData("ns", "name", [])) == ""


@pytest.mark.parametrize(
    ("template", "field"),
    [
        pytest.param("{{ .Updated.Files }}", "'.Updated' field. Please use '.Changed' instead.", id="updated"),
        pytest.param(
            "{{ .Changed.ImageResult }}",
            "'.Changed.ImageResult' field. Please use '.Changed.FileChanges' or '.Changed.Objects' instead.",
            id="image-result",
        ),
    ],
)
def test_current_model_refuses_the_old_fields_where_they_are_used(template: str, field: str) -> None:
    with pytest.raises(RemovedField) as failure:
        message(template, model=DataModel.CURRENT)
    assert str(failure.value) == (
        f"template uses removed {field} See: "
        "https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
    )
    assert message("{{ if false }}" + template + "{{ end }}fine", model=DataModel.CURRENT) == "fine"


def test_object_in_several_files_has_the_changes_of_all_and_changes_are_distinct() -> None:
    again = FileChange(
        "base/web.yaml", WEB.object, [*WEB.changes, TemplateChange("1", "2", "flux-system:nginx:tag", "nginx:2")]
    )
    data = TemplateData("ns", "name", [WEB, again])
    assert message("{{ range .Changed.Objects }}{{ len . }}{{ end }} {{ len .Changed.Changes }}", data) == "3 2"
    assert message("{{ range .Updated.Objects }}{{ len . }}{{ end }} {{ .Updated.Images }}", data) == (
        "3 [nginx:1.1.0 nginx:2]"
    )


def test_changes_without_an_image_are_left_out_of_the_old_model_only() -> None:
    data = TemplateData("ns", "name", [FileChange("a.yaml", ObjectRef(), [TemplateChange("1", "2", "ns:p:tag")])])
    assert message("{{ len .Updated.Images }}{{ len .Updated.Files }}{{ len .Changed.Changes }}", data) == "001"


def test_half_characters_reach_git_as_bytes_and_people_as_replacement() -> None:
    template = '{{ trunc 2 "héllo" }}'
    assert render_bytes(template, DATA, now=NOW) == b"h\xc3"
    assert message(template) == "h�"


def test_ago_counts_from_the_time_of_the_run() -> None:
    template = '{{ ago (toDate "2006-01-02" "2024-12-31") }}'
    assert message(template) == "24h0m0s"
    assert render(template, DATA, now=NOW + timedelta(minutes=90)) == "25h30m0s"


def test_template_is_bounded_in_size() -> None:
    with pytest.raises(TemplateError, match="larger than 10 bytes"):
        render("x" * 11, DATA, now=NOW, limits=Limits(template_bytes=10))


def test_surrogates_from_outside_are_replaced() -> None:
    assert message("\ud800{{ .Values.a }}", TemplateData("ns", "name", [], {"a": "\udc80"})) == "��"


def test_chance_stays_within_its_bounds() -> None:
    assert message("{{ randInt 3 4 }}{{ shuffle `aaa` }}") == "3aaa"
