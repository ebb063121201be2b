"""What a marker says, and what a marked value says about its image."""

import pytest

from controllers.image.ref import ImageRef
from controllers.image.setter import Setter, parse_setter

DIGEST = f"sha256:{'2' * 64}"
NAME = "registry.example:5000/org/app"
IMAGE = ImageRef(NAME, "1.0", DIGEST)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("apps:web", Setter("apps", "web"), id="whole-image"),
        pytest.param("apps:web:tag", Setter("apps", "web", "tag"), id="part"),
        pytest.param("apps:web:", Setter("apps", "web", ""), id="empty-part"),
        pytest.param("apps:web:tag:x", Setter("apps", "web", "tag:x"), id="rest-is-the-part"),
        pytest.param("apps/web", Setter("apps/web", ""), id="no-colon"),
        pytest.param("", Setter("", ""), id="empty"),
    ],
)
def test_parts_of_a_setter(text: str, want: Setter) -> None:
    assert parse_setter(text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("apps:web", f"{NAME}:1.0@{DIGEST}", id="whole-image"),
        pytest.param("apps:web:name", NAME, id="name"),
        pytest.param("apps:web:tag", "1.0", id="tag"),
        pytest.param("apps:web:digest", DIGEST, id="digest"),
    ],
)
def test_value_of_a_setter(text: str, want: str) -> None:
    assert parse_setter(text).value(IMAGE) == want


@pytest.mark.parametrize(
    ("setter", "value", "says"),
    [
        pytest.param("apps:app", f"{NAME}:1.0", ImageRef(NAME, "1.0"), id="tag"),
        pytest.param("apps:app", f"{NAME}:1.0@{DIGEST}", ImageRef(NAME, "1.0", DIGEST), id="tag-and-digest"),
        pytest.param("apps:app", f"{NAME}@{DIGEST}", ImageRef(NAME, "", DIGEST), id="digest"),
        pytest.param("apps:app", NAME, ImageRef(NAME), id="port-is-no-tag"),
        pytest.param("apps:app", "app", ImageRef("app"), id="name"),
        pytest.param("apps:app", "", ImageRef(), id="empty"),
        pytest.param("apps:app:tag", "1.0", ImageRef(tag="1.0"), id="marker-of-a-tag"),
        pytest.param("apps:app:tag", f"1.0@{DIGEST}", ImageRef(tag="1.0", digest=DIGEST), id="digest-behind-a-tag"),
        pytest.param("apps:app:digest", DIGEST, ImageRef(digest=DIGEST), id="marker-of-a-digest"),
        pytest.param("apps:app:name", NAME, None, id="marker-of-a-name"),
    ],
)
def test_what_a_value_says(setter: str, value: str, says: ImageRef | None) -> None:
    assert parse_setter(setter).image(value) == says
