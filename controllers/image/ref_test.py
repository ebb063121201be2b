"""Images as text."""

import pytest

from controllers.image.ref import ImageRef


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        pytest.param(ImageRef("a/b", "1"), "a/b:1", id="tag"),
        pytest.param(ImageRef("a/b", "1", "sha256:c"), "a/b:1@sha256:c", id="digest"),
    ],
)
def test_image_text(ref: ImageRef, text: str) -> None:
    assert str(ref) == text
