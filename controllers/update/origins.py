"""Where the choices that an update writes come from: when their tags were found, and in which trace. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from api.imagepolicy import ImagePolicy, ImageRef
from api.imageupdateautomation import ImageUpdateAutomation
from controllers.runtime.key import key_of


@dataclass(frozen=True, slots=True)
class Origin:
    """A choice that has come of a scan, and no other cause."""

    policy: str
    """Namespace and name."""
    tag: str
    first_seen: datetime
    has_min_age: bool


def list_origins(
    automation: ImageUpdateAutomation, policies: Mapping[str, ImagePolicy], written: Iterable[str]
) -> tuple[Origin, ...]:
    """Return the origins of the choices that are written, as far as they tell how long an update has taken.

    What an automation writes because it is new, edited, or resumed does not: its tags were there before.
    policies: by `namespace:policy`. written: such keys, also several times, and others
    """
    if automation.metadata.generation != automation.status.observed_generation:
        return ()
    found = (policies[key] for key in dict.fromkeys(written) if key in policies)
    origins = (_origin(policy) for policy in found)
    begin = automation.metadata.creation_timestamp
    return tuple(one for one in origins if one is not None and (begin is None or one.first_seen >= begin))


def _origin(policy: ImagePolicy) -> Origin | None:
    selection, latest, previous = policy.status.selection, policy.status.latest_ref, policy.status.observed_previous_ref
    if latest is not None and previous is not None and latest.tag == previous.tag:
        return None  # its digest has changed, and when that was found is not known
    if selection is None or latest is None or selection.first_seen is None or selection.tag != latest.tag:
        return None
    return Origin(str(key_of(policy)), latest.tag, selection.first_seen, bool(policy.spec.policy.min_age))


def list_traces(
    policies: Mapping[str, ImagePolicy], choices: Mapping[str, ImageRef], observed: Mapping[str, ImageRef]
) -> Iterator[str]:
    """Yield the traces of the choices that an automation has not seen yet, each once.

    policies: by the names under which `choices`, the present ones, and `observed` have them
    """
    found = (policies[name].status.selection for name, choice in choices.items() if observed.get(name) != choice)
    yield from dict.fromkeys(one.trace_parent for one in found if one is not None and one.trace_parent)
