"""Values that people put back (`spec.update.holdReverted`), which are not written again. Pure. Ours, not Flux's.

The status remembers what was written, file by file. A value that has become the former one again was put back by
somebody, since we never do so; it is left alone until the policy chooses something else.
"""

from collections.abc import Iterable, Mapping

from api.imageupdateautomation import Written
from controllers import setters
from controllers.image.ref import ImageRef
from controllers.image.setter import PARTS, parse_setter
from controllers.net.foreign_text import escape

MAX_WRITTEN = 200


def to_reverts(written: Iterable[Written]) -> setters.Reverts:
    """Return what is not to be written again."""
    return {(w.file, w.setter, w.old): w.new for w in written}


def update_written(
    before: Iterable[Written], update: setters.Update | None, images: Mapping[str, ImageRef]
) -> tuple[Written, ...]:
    """Return what to remember after a run: the latest first, bounded; without what no policy would write any more.

    update: what was pushed, if anything. images: the last choices, by `namespace:policy`.
    """
    latest = {
        (escape(result.file), change.setter): Written(
            file=escape(result.file), setter=change.setter, old=escape(change.old_value), new=change.new_value
        )
        for result in (update.result if update else ())
        for change in result.changes
    }
    for w in before:
        if _is_still_chosen(w, images):
            latest.setdefault((w.file, w.setter), w)
    return tuple(latest.values())[:MAX_WRITTEN]


def _is_still_chosen(written: Written, images: Mapping[str, ImageRef]) -> bool:
    setter = parse_setter(written.setter)
    image = images.get(setter.policy_key)
    return image is not None and setter.part in PARTS and setter.value(image) == written.new
