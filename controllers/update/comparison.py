"""From which commits the old and the new image of a change were built, as far as policies say. Pure.

Ours, not Flux's. The old value in Git need not be the policy's previous choice, so it is looked up among all recent
choices in the policy's `status.sources`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from api.imagepolicy import ImagePolicy, ImageSource
from controllers import template
from controllers.image.ref import ImageRef
from controllers.image.reference import BadReference, parse_reference
from controllers.image.setter import Setter, policy_key
from controllers.runtime.key import key_of

Sources: TypeAlias = Mapping[str, Sequence[ImageSource]]
"""Where recent choices were built from, by `namespace:policy`; the newest first."""


def collect_sources(policies: Iterable[ImagePolicy]) -> dict[str, Sequence[ImageSource]]:
    """Return where the choices of policies were built from; policies without sources are left out."""
    return {policy_key(*key_of(policy)): policy.status.sources for policy in policies if policy.status.sources}


def build_comparison(
    setter: Setter, old_value: str, image: ImageRef, sources: Sequence[ImageSource]
) -> template.Comparison | None:
    """Return the commits of a change from `old_value` to `image`.

    None when that of the new image is unknown, or the marker writes no version. The old commit is left out where it is
    unknown or of another repository, or the image had another name.
    """
    before = setter.image(old_value)
    new = _find(sources, tag=image.tag, digest=image.digest)
    if before is None or new is None or not new.source or not new.revision:
        return None
    renamed = bool(before.name) and _canonical(before.name) != _canonical(image.name)
    old = None if renamed else _find(sources, tag=before.tag, digest=before.digest)
    comparable = old is not None and old.source.casefold() == new.source.casefold()
    return template.Comparison(new.source, new.revision, old.revision if old is not None and comparable else "")


def _find(sources: Sequence[ImageSource], *, tag: str, digest: str) -> ImageSource | None:
    """Return the entry of an image: by digest where both have one, else by tag; the newest, but equal digests first."""
    fitting = [entry for entry in sources if (entry.digest == digest if entry.digest and digest else entry.tag == tag)]
    return next((entry for entry in fitting if entry.digest == digest), fitting[0] if fitting else None)


def _canonical(name: str) -> str:
    try:
        return parse_reference(name).image.name
    except BadReference:
        return name
