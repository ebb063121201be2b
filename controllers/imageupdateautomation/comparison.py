"""Of which commits the old and the new image of a change were built, as far as policies tell. Pure.

Ours, not Flux's. Git has what was written before, which need not be the policy's previous choice: it is looked up among
the recent choices that the policy's `status.sources` remembers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from api.imagepolicy import ImagePolicy, ImageRef, ImageSource
from controllers import setters, template
from controllers.image.reference import BadReference, parse_reference

Sources: TypeAlias = Mapping[str, Sequence[ImageSource]]
"""Where recent choices were built from, by the policy's name; the newest first."""


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """What a marked value says of an image; empty where it does not say."""

    name: str = ""
    tag: str = ""
    digest: str = ""


def sources_of(policies: Iterable[ImagePolicy]) -> dict[str, Sequence[ImageSource]]:
    """What the policies of a namespace tell; those that tell nothing are left out."""
    return {policy.metadata.name: policy.status.sources for policy in policies if policy.status.sources}


def comparison(
    change: setters.ValueChange, image: ImageRef, sources: Sequence[ImageSource]
) -> template.Comparison | None:
    """The commits of a change to `image`; None when that of the new one is not known, or no version was written.

    The old commit is left out where it is not known, is of another repository, or the image had another name.
    """
    before = written(change.setter, change.old_value)
    new = _find(sources, tag=image.tag, digest=image.digest)
    if before is None or new is None or not new.source or not new.revision:
        return None
    renamed = bool(before.name) and _canonical(before.name) != _canonical(image.name)
    old = None if renamed else _find(sources, tag=before.tag, digest=before.digest)
    comparable = old is not None and old.source.casefold() == new.source.casefold()
    return template.Comparison(new.source, new.revision, old.revision if old is not None and comparable else "")


def written(setter: str, value: str) -> WrittenImage | None:
    """What a value says by its marker, such as `apps:web:tag`; None for a marker that writes no version."""
    match setter.split(":")[2:]:
        case []:
            base, _, digest = value.partition("@")
            name, colon, tag = base.rpartition(":")
            return WrittenImage(name, tag, digest) if colon and "/" not in tag else WrittenImage(base, "", digest)
        case ["tag"]:
            tag, _, digest = value.partition("@")
            return WrittenImage(tag=tag, digest=digest)
        case ["digest"]:
            return WrittenImage(digest=value)
        case _:
            return None


def _find(sources: Sequence[ImageSource], *, tag: str, digest: str) -> ImageSource | None:
    """The entry of an image: by digest where both have one, else by tag; the newest of several, a like one first."""
    fitting = [entry for entry in sources if (entry.digest == digest if entry.digest and digest else entry.tag == tag)]
    return next((entry for entry in fitting if entry.digest == digest), fitting[0] if fitting else None)


def _canonical(name: str) -> str:
    try:
        return parse_reference(name).image.name
    except BadReference:
        return name
