"""What another image would change: every form of a place, and nothing else."""

import pytest

from controllers.adoption.trial import try_image
from controllers.image.ref import ImageRef

NEW = ImageRef(name="ghcr.io/org/web", tag="2.0.0")
POD = "kind: Pod\nspec:\n  containers:\n  - {name: web, image: %s}\n"


def edited(text: str, image: ImageRef = NEW) -> str:
    trial = try_image([("a.yaml", text.encode())], image)
    return trial.edits.get("a.yaml", text.encode()).decode()


@pytest.mark.parametrize("form", ["%s", "'%s'", '"%s"', "&web %s"])
def test_the_value_is_replaced_in_its_own_form(form: str) -> None:
    text = POD % form
    if form.startswith("&"):
        text = "kind: Pod\nspec:\n  containers:\n  - name: web\n    image: %s # why\n" % form  # noqa: UP031
    assert edited(text % "ghcr.io/org/web:1.0.0") == text % "ghcr.io/org/web:2.0.0"


def test_comments_markers_and_a_byte_order_mark_stay() -> None:
    text = '\ufeffimage:\n  repository: ghcr.io/org/web # {"$imagepolicy": "a:b:name"}\n  tag: 1.0.0 # the release\n'
    assert edited(text) == text.replace("1.0.0", "2.0.0")


def test_an_image_is_the_same_however_it_is_spelled_and_keeps_its_spelling() -> None:
    text = POD % "docker.io/library/nginx:1.25"
    assert edited(text, ImageRef(name="nginx", tag="1.27")) == text.replace("1.25", "1.27")


def test_another_image_and_a_file_that_cannot_be_read_are_left_alone() -> None:
    for text in (POD % "ghcr.io/org/other:1.0.0", "image: ghcr.io/org/web:1.0.0\n  - x"):
        assert try_image([("a.yaml", text.encode())], NEW).edits == {}


def test_lines_and_values_are_reported() -> None:
    (change,) = try_image([("a.yaml", (POD % "ghcr.io/org/web:1.0.0").encode())], NEW).changes
    assert (change.file, change.line, change.old, change.new) == (
        "a.yaml", 4, "ghcr.io/org/web:1.0.0", "ghcr.io/org/web:2.0.0",
    )  # fmt: skip


def test_values_of_json_stay_values_of_json() -> None:
    text = '{"image": {"repository": "ghcr.io\\/org\\/web", "tag": 1.10}, "other": "1.10"}'
    trial = try_image([("a.json", text.encode())], NEW)
    assert trial.edits["a.json"].decode() == text.replace('"tag": 1.10', '"tag": "2.0.0"')
