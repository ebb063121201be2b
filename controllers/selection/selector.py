"""Chooses a tag for an ImagePolicy among the stored tags of its ImageRepository: objects in, the choice out."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from controllers.golang import regexp
from controllers.image.reference import Image
from controllers.policy.index import TagIndex
from controllers.policy.rules import ImageMetadata, Rules, Selection, check, list_patterns, select
from controllers.runtime.kube.errors import ApiError
from controllers.selection.errors import NotScanned, TagsNotRead
from controllers.selection.image_reader import ImageReader
from controllers.selection.rules import repository_key, to_rules
from controllers.selection.tag_index_cache import TagIndexCache
from controllers.selection.threads import NamespaceThreads
from controllers.taglist.scan import INLINE_TAGS

T = TypeVar("T")


async def read_index(
    policy: ImagePolicy,
    repository: ImageRepository,
    *,
    image: Image,
    tags: TagIndexCache,
    threads: NamespaceThreads,
) -> TagIndex:
    """Return what a policy chooses from: the tags of the repository's last scan.

    Raises NotScanned or, for a policy that cannot work anyway, InvalidPolicy; TagListNotFound and TagsNotRead.
    """
    key = repository_key(policy)
    scan = repository.status.last_scan_result
    if scan is None or repository.status.canonical_image_name != image.name:
        rules = to_rules(policy.spec)
        await _run(partial(check, rules), policy, threads, inline=regexp.are_cheap(list_patterns(rules), chars=0))
        raise NotScanned(
            f"waiting for ImageRepository '{key}' to scan {image.name}; its own status tells how that goes"
        )
    try:
        return await tags.index(key, scan.revision)
    except ApiError as error:
        raise TagsNotRead(f"failed to read tags of ImageRepository '{key}': {error.message}") from error


async def select_tag(
    policy: ImagePolicy,
    repository: ImageRepository,
    index: TagIndex,
    *,
    image: Image,
    reader: ImageReader,
    threads: NamespaceThreads,
    now: datetime,
) -> Selection:
    """Return the choice and its reasons, reading the images that the policy's rules look at.

    image: the repository's `spec.image`. Raises InvalidPolicy, NoTags, SelectionFailed and ImageNotRead.
    """
    rules = to_rules(policy.spec)
    latest = policy.status.latest_ref
    current = latest.tag if latest and latest.name == repository.spec.image else ""
    metadata: dict[str, ImageMetadata] = {}
    inline = _is_cheap(rules, index)
    if inline:
        index = index.without_waiting()
    while True:
        choose = partial(select, index, rules, now=now, current=current, images=metadata)
        answer = await _run(choose, policy, threads, inline=inline)
        if isinstance(answer, Selection):
            return answer
        metadata |= await reader.read_metadata(repository, image, answer.tags)


def _is_cheap(rules: Rules, index: TagIndex) -> bool:
    """Return whether the tags may meet the patterns of the rules while the event loop waits."""
    return len(index.tags) <= INLINE_TAGS and regexp.are_cheap(list_patterns(rules), chars=index.char_count)


async def _run(work: Callable[[], T], policy: ImagePolicy, threads: NamespaceThreads, *, inline: bool) -> T:
    """Return what `work` does: in a thread, unless it is over at once."""
    return work() if inline else await threads.run(policy.metadata.namespace, work)
