"""Which tags `status.lastScanResult.latestTags` shows. Pure.

Without `spec.latestTags` the ten last in the order of bytes, as Flux has it.
"""

from collections.abc import Mapping, Sequence
from heapq import nlargest

from api.imagerepository import FIRST_SEEN, LATEST_COUNT, SEMVER, LatestTags
from controllers.semver.version import tag_key


def latest_tags(
    tags: Sequence[str], wanted: LatestTags | None, first_seen: Mapping[str, int | None]
) -> tuple[str, ...]:
    """The tags to show, the latest first; equal ones in the order of `tags`.

    tags: bytewise descending. first_seen: in Unix seconds, None where that is not known; only needed for that order.
    Versions go before tags that are none, and tags that were seen coming before those that were there already. As in
    charts, where a tag cannot have a plus, an underscore stands for one.
    100,000 tags by semver cost about 0.2 s: not for the event loop.
    """
    if wanted is None:
        return tuple(tags[:LATEST_COUNT])
    match wanted.order:
        case order if order == SEMVER:
            versions = (
                (key, -position, tag)
                for position, tag in enumerate(tags)
                if (key := tag_key(tag.replace("_", "+"))) is not None
            )
            found = [tag for _, _, tag in nlargest(wanted.count, versions)]
            shown = set(found)
            return tuple(found + [tag for tag in tags if tag not in shown][: wanted.count - len(found)])
        case order if order == FIRST_SEEN:
            times = (first_seen.get(tag) for tag in tags)
            seen = ((time or 0, -position, tag) for position, (tag, time) in enumerate(zip(tags, times, strict=True)))
            return tuple(tag for _, _, tag in nlargest(wanted.count, seen))
        case _:
            return tuple(tags[: wanted.count])
