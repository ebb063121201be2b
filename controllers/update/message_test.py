"""The data that a commit message template reads, from the update of real files."""

import pytest
from msgspec.structs import replace

from api.imageupdateautomation import CommitSpec
from controllers import setters, template
from controllers.image.ref import ImageRef
from controllers.template import FileChange, ObjectRef, TemplateChange
from controllers.update.message import build_template_data
from testing.builders import automation, git_spec
from testing.clock import START

DEPLOYMENT = b"""apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec:
  image: x/web:1.0.0 # {"$imagepolicy": "apps:web"}
  tag: 1.0.0 # {"$imagepolicy": "apps:web:tag"}
  digest: "" # {"$imagepolicy": "apps:web:digest"}
"""
WEB = ImageRef("x/web", "1.1.0", "sha256:abc")
IMAGES = {"apps:web": WEB, "apps:unused": ImageRef("x/y", "1")}


@pytest.fixture
def update() -> setters.Update:
    return setters.update([("web.yaml", DEPLOYMENT)], {"apps:web": WEB})


def test_each_change_carries_its_marker_and_the_whole_image(update: setters.Update) -> None:
    data = build_template_data(automation(), update, IMAGES, {})
    image = "x/web:1.1.0@sha256:abc"
    assert (data.namespace, data.name, data.values) == ("apps", "fleet", None)
    assert data.results == [
        FileChange(
            "web.yaml",
            ObjectRef("apps/v1", "Deployment", "prod", "web"),
            [
                TemplateChange("x/web:1.0.0", image, "apps:web", image),
                TemplateChange("1.0.0", "1.1.0", "apps:web:tag", image),
                TemplateChange("", "sha256:abc", "apps:web:digest", image),
            ],
        )
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("{{ .AutomationObject }}", "apps/fleet", id="automation"),
        pytest.param("{{ range .Changed.Changes }}{{ .OldValue }},{{ end }}", "x/web:1.0.0,1.0.0,,", id="changes"),
        pytest.param("{{ range .Updated.Images }}{{ . }}{{ end }}", "x/web:1.1.0@sha256:abc", id="old-data-model"),
        pytest.param("{{ .Values.team }}", "blue", id="values"),
    ],
)
def test_both_data_models_render(update: setters.Update, source: str, text: str) -> None:
    commit = CommitSpec(message_template=source, message_template_values={"team": "blue"})
    data = build_template_data(automation(git=git_spec(commit=commit)), update, IMAGES, {})
    assert template.render(source, data, now=START) == text


def test_no_values_are_none_and_not_an_empty_map(update: setters.Update) -> None:
    assert build_template_data(automation(), update, IMAGES, {}).values is None
    assert (
        build_template_data(replace(automation(), spec=replace(automation().spec, git=None)), update, IMAGES, {}).values
        is None
    )
