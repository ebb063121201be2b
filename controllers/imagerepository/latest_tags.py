"""Which tags `status.lastScanResult.latestTags` shows. Pure.

Without `spec.latestTags` these are the last ten in the order of bytes, as in Flux.
"""

from collections.abc import Mapping, Sequence
from heapq import nlargest
from itertools import islice

from api.imagerepository import FIRST_SEEN, LATEST_COUNT, SEMVER, LatestTags
from controllers.semver.version import tag_key


def rank_tags(tags: Sequence[str], wanted: LatestTags | None, first_seen: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return the tags to show, the latest first; equal ones in the order of `tags`.

    tags: bytewise descending. first_seen: in Unix seconds, None where unknown; only needed for that order.
    Versions come before other tags, and tags that a later scan found before those of the first scan. An underscore
    stands for a plus, which a tag cannot have, as in the tags of Helm charts.
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
            ranked = [tag for _, _, tag in nlargest(wanted.count, versions)]
            taken = set(ranked)
            rest = (tag for tag in tags if tag not in taken)
            return (*ranked, *islice(rest, wanted.count - len(ranked)))
        case order if order == FIRST_SEEN:
            times = (first_seen.get(tag) for tag in tags)
            timed = ((time or 0, -position, tag) for position, (tag, time) in enumerate(zip(tags, times, strict=True)))
            return tuple(tag for _, _, tag in nlargest(wanted.count, timed))
        case _:
            return tuple(tags[: wanted.count])
