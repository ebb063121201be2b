"""Respect for people (`spec.update.holdReverted`): a value that somebody put back is not written again. Pure.

What was written is remembered in the status, file by file. Where a value is found to be the former one again, it was
put back by somebody, for we never do so; it is left alone until the policy chooses something else. Ours, not Flux's.
"""

from collections.abc import Iterable, Mapping

from api.imageupdateautomation import Written
from controllers import setters
from controllers.imageupdateautomation.job import Published

MAX_WRITTEN = 200


def reverts(written: Iterable[Written]) -> setters.Reverts:
    """What is not to be written again."""
    return {(w.file, w.setter, w.old): w.new for w in written}


def remembered(
    before: Iterable[Written], published: Published | None, refs: Mapping[str, setters.ImageRef]
) -> tuple[Written, ...]:
    """What to remember after a run: the latest first, bounded; without what no policy would write any more.

    published: what was pushed, if anything. refs: policies by `namespace:name`.
    """
    changed = published.update.result if published and published.update else ()
    latest = {
        (result.file, change.setter): Written(
            file=result.file, setter=change.setter, old=change.old_value, new=change.new_value
        )
        for result in changed
        for change in result.changes
    }
    for w in before:
        if _is_still_chosen(w, refs):
            latest.setdefault((w.file, w.setter), w)
    return tuple(latest.values())[:MAX_WRITTEN]


def _is_still_chosen(written: Written, refs: Mapping[str, setters.ImageRef]) -> bool:
    namespace, _, rest = written.setter.partition(":")
    name, _, suffix = rest.partition(":")
    ref = refs.get(f"{namespace}:{name}")
    return ref is not None and suffix in setters.SUFFIXES and ref.value(suffix) == written.new
