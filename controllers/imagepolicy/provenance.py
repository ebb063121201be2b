"""Where the chosen images were built from: which are read when, and what the status remembers of them.

Ours, not Flux's. Commit messages make links of it, so it must be in the status as soon as the choice is; but a link is
never worth a choice: what cannot be read in a few seconds is left out, reported, and tried again.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from api.imagepolicy import MAX_SOURCES, ImagePolicy, ImagePolicyStatus, ImageRef, ImageSource
from api.imagerepository import ImageRepository
from controllers.image.ref import to_image_ref
from controllers.image.reference import Image
from controllers.imageaccess.errors import AccessFailed
from controllers.registry.errors import RegistryError
from controllers.runtime import logkey
from controllers.runtime.reconcile.run import Run
from controllers.selection.image_reader import ImageReader

SOURCE_NOT_READ = "SourceNotRead"
SOURCE_RETRY = timedelta(minutes=5)
"""Until the image of a choice is tried again, unless there is another run before that."""

log = logging.getLogger("controllers.imagepolicy.sources")


@dataclass(frozen=True, slots=True)
class _Answer:
    """A registry's answer about one image; without an entry it is to be asked again, and `failure` says why."""

    ref: ImageRef
    entry: ImageSource | None = None
    failure: str = ""


async def reflect_sources(
    run: Run[ImagePolicy, ImagePolicyStatus], repository: ImageRepository, image: Image, images: ImageReader
) -> tuple[tuple[str, str], ...]:
    """Bring `run.status.sources` up to date with the choice in the status; clear them where they are not wanted.

    Reads only what the status lacks. The previous choice is read, too, since it is most likely the one in Git. Returns
    a warning for the owner when the image of the choice could not be read.
    """
    if not run.object.spec.reflect_source:
        run.status = replace(run.status, sources=())
        return ()
    latest, previous = run.status.latest_ref, run.status.observed_previous_ref
    assert latest is not None
    former = run.object.status.latest_ref
    entries = run.status.sources if former is not None and former.name == latest.name else ()
    wanted = [latest, previous] if previous is not None and previous.name == latest.name else [latest]
    present = {(entry.tag, entry.digest) for entry in entries}
    missing = [ref for ref in wanted if (ref.tag, ref.digest) not in present]
    answers = await asyncio.gather(*(_read(ref, repository, image, images) for ref in missing))
    read = [answer.entry for answer in answers if answer.entry is not None]
    run.status = replace(run.status, sources=merge_sources(wanted, [*read, *entries]))
    return tuple(
        (SOURCE_NOT_READ, f"failed reading where {to_image_ref(latest)} was built from: {answer.failure}")
        for answer in answers
        if answer.failure and answer.ref == latest
    )


def merge_sources(recent: Sequence[ImageRef], entries: Iterable[ImageSource]) -> tuple[ImageSource, ...]:
    """Return the entries for the status, at most ten: those of `recent` first and in its order, then the others."""
    by_image = {(entry.tag, entry.digest): entry for entry in entries}
    order = dict.fromkeys([*((ref.tag, ref.digest) for ref in recent), *by_image])
    return tuple(by_image[key] for key in order if key in by_image)[:MAX_SOURCES]


async def _read(ref: ImageRef, repository: ImageRepository, image: Image, images: ImageReader) -> _Answer:
    chosen = to_image_ref(ref)
    try:
        provenance = await images.read_provenance(repository, image, chosen)
    except (AccessFailed, RegistryError) as error:
        log.info(
            "cannot read where an image was built from",
            extra={logkey.DETAIL: str(chosen), logkey.ERROR: str(error)},
        )
        return _Answer(ref, failure=str(error))
    entry = ImageSource(tag=ref.tag, digest=ref.digest, source=provenance.source, revision=provenance.revision)
    return _Answer(ref, entry)
