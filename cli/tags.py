"""The tags of images, for verbs that work without a cluster: those in files. `registry_tags` asks registries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class BadTagFile(ValueError):
    """A file of tags cannot be used; the text says why."""


@dataclass(slots=True)
class TagLists:
    """What is known of images, by their names as written."""

    tags: dict[str, Sequence[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Why a registry gave no tags."""
    notices: list[str] = field(default_factory=list)
    """Why credentials that may be needed could not be had."""

    def of(self, image: str) -> Sequence[str] | None:
        """Return the tags of an image, None where they are unknown."""
        return self.tags.get(image)


def read_tag_files(arguments: Iterable[str]) -> dict[str, Sequence[str]]:
    """Return the tags of each `IMAGE=FILE`, one tag a line; the last file of an image counts. Raises BadTagFile."""
    found: dict[str, Sequence[str]] = {}
    for argument in arguments:
        image, equals, file = argument.partition("=")
        if not equals or not image or not file:
            raise BadTagFile(f"{argument!r} is not of the form IMAGE=FILE")
        try:
            lines = Path(file).read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise BadTagFile(f"cannot read the tags in {file}: {getattr(error, 'strerror', None) or error}") from None
        found[image] = list(dict.fromkeys(lines))
    return found
