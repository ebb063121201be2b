"""Whose turn it is among queued keys, and who has to wait because their share is in use.

Namespaces take turns, and inside a namespace the hosts that its objects talk to. A namespace, or one host as one
namespace uses it, that has runs waiting for others for long gets no more than its share of runs at the same time: the
keys beyond it stay queued, and cost nobody anything. A host counts for each namespace by itself, since one tenant may
make another's host slow for itself, with a proxy for instance.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from controllers.runtime.key import Key


class Place(NamedTuple):
    """Whose share a run uses."""

    namespace: str
    host: str
    """That the object talks to; empty where it is not known."""


W = TypeVar("W", str, Place)


@dataclass(frozen=True, slots=True)
class Shares:
    """How many runs at the same time one namespace, and one host in it, may have while one of them is slow."""

    namespace: int
    host: int


class InFlight:
    """The runs under way, by whose share they use."""

    def __init__(self, shares: Shares | None) -> None:
        """Build it; without `shares` nobody is ever held back."""
        self._shares = shares
        self._places: dict[Key, Place] = {}
        self._runs: dict[str | Place, int] = {}
        self._slow: dict[str | Place, int] = {}
        self._slow_keys: dict[Key, None] = {}  # in the order they became slow

    def begin(self, key: Key, place: Place) -> None:
        self._places[key] = place
        _add(self._runs, place, 1)

    def mark_slow(self, key: Key) -> None:
        if key in self._places and key not in self._slow_keys:
            self._slow_keys[key] = None
            _add(self._slow, self._places[key], 1)

    def end(self, key: Key) -> None:
        place = self._places.pop(key)
        _add(self._runs, place, -1)
        if key in self._slow_keys:
            del self._slow_keys[key]
            _add(self._slow, place, -1)

    def has_slow_runs(self, who: str | Place) -> bool:
        return who in self._slow

    def has_share(self, who: str | Place) -> bool:
        """Return whether a namespace, or a host in one, may have a further run."""
        if self._shares is None or who not in self._slow:
            return True
        return self._runs[who] < (self._shares.host if isinstance(who, Place) else self._shares.namespace)

    def slow_keys(self) -> list[Key]:
        """Return the slow runs: those of the namespace that has most of them first, and of these the longest."""
        return sorted(self._slow_keys, key=lambda key: -self._slow[key.namespace])  # a stable sort

    @property
    def is_anything_slow(self) -> bool:
        return bool(self._slow)


def _add(counts: dict[str | Place, int], place: Place, number: int) -> None:
    for who in (place.namespace, place):
        if count := counts.get(who, 0) + number:
            counts[who] = count
        else:
            del counts[who]


class FairLane:
    """First come, first served for one host in a namespace; namespaces take turns, and so do the hosts in each."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, OrderedDict[Place, dict[Key, None]]] = OrderedDict()
        self._places: dict[Key, Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def push(self, key: Key, place: Place) -> None:
        self._places[key] = place
        self._turns.setdefault(place.namespace, OrderedDict()).setdefault(place, {})[key] = None

    def remove(self, key: Key) -> Place:
        place = self._places.pop(key)
        places = self._turns[place.namespace]
        del places[place][key]
        if not places[place]:
            del places[place]
        if not places:
            del self._turns[place.namespace]
        return place

    def pop(self, in_flight: InFlight) -> tuple[Key, Place] | None:
        """Take the next key whose namespace and host have a share left; None when there is none.

        Those that have no slow run come first: otherwise many that have would take all workers in turn.
        """
        if not in_flight.is_anything_slow:
            return self._take(next(iter(next(iter(self._turns.values()))))) if self._turns else None
        for namespace in filter(in_flight.has_share, _quick_first(self._turns, in_flight)):
            for place in filter(in_flight.has_share, _quick_first(self._turns[namespace], in_flight)):
                return self._take(place)
        return None

    def _take(self, place: Place) -> tuple[Key, Place]:
        """Take the next key of a place, and let the next namespace and host have their turn."""
        places = self._turns[place.namespace]
        keys = places[place]
        key = next(iter(keys))
        del keys[key], self._places[key]
        if keys:
            places.move_to_end(place)
        else:
            del places[place]
        if places:
            self._turns.move_to_end(place.namespace)
        else:
            del self._turns[place.namespace]
        return key, place


def _quick_first(turns: Iterable[W], in_flight: InFlight) -> Iterator[W]:
    """Yield those without slow runs in their order, then the others in theirs."""
    slow = []
    for who in turns:
        if in_flight.has_slow_runs(who):
            slow.append(who)
        else:
            yield who
    yield from slow
