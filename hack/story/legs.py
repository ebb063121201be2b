"""How long each part of the way takes, from a pushed tag to what runs; measured from outside, by asking.

The moments are those that a user sees: the tag in the ImageRepository's status, in the policy's, in Git, in the object
that the engine has applied, in the answer of a pod.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PAUSE_SECONDS: Final = 0.01


class NeverReached(Exception):
    """A moment did not come; the text says which, and which came before."""


@dataclass(frozen=True, slots=True)
class Legs:
    """When each moment came, in seconds since the tag was pushed, in the order of the way."""

    moments: Mapping[str, float]

    def __str__(self) -> str:
        return " → ".join(["pushed", *(f"{name} {seconds:.2f} s" for name, seconds in self.moments.items())])


def follow(
    probes: Mapping[str, Callable[[], bool]], *, since: float, timeout_seconds: float = 60, what: str = ""
) -> Legs:
    """Ask until every moment has come. since: when the tag was pushed, in monotonic seconds. Raises NeverReached.

    A moment is not asked for before those in front of it have come: whoever asks costs time, too.
    """
    moments: dict[str, float] = {}
    for name, reached in probes.items():
        while not reached():
            if time.monotonic() - since > timeout_seconds:
                raise NeverReached(f"{what or 'the tag'} was not {name} after {timeout_seconds:.0f} s; {Legs(moments)}")
            time.sleep(PAUSE_SECONDS)
        moments[name] = time.monotonic() - since
    return Legs(moments)


def median(runs: Sequence[Legs]) -> Legs:
    """Return the median of each moment over some runs of the same way."""
    return Legs({name: statistics.median(run.moments[name] for run in runs) for name in runs[0].moments})
