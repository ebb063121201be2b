"""The image that a policy chose, on its way from the choice to the commit. Unchecked: `reference` parses strictly."""

from dataclasses import dataclass
from typing import Protocol


class ChosenImage(Protocol):
    """An ImagePolicy's `status.latestRef`, in the form of the API."""

    @property
    def name(self) -> str: ...
    @property
    def tag(self) -> str: ...
    @property
    def digest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image by name, tag and digest, each empty where it is unknown."""

    name: str = ""
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        """Return `name:tag` or `name:tag@digest`."""
        return f"{self.name}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


def to_image_ref(chosen: ChosenImage) -> ImageRef:
    """Return a policy's choice as the value that everything behind the API works with."""
    return ImageRef(chosen.name, chosen.tag, chosen.digest)


def split_image_ref(text: str) -> ImageRef:
    """Return the parts of `name[:tag][@digest]`. Any text has a result: what is no tag belongs to the name."""
    base, _, digest = text.partition("@")
    name, colon, tag = base.rpartition(":")
    return ImageRef(name, tag, digest) if colon and "/" not in tag else ImageRef(base, "", digest)
