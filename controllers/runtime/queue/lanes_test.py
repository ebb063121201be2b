import pytest

from controllers.runtime.key import Key
from controllers.runtime.queue.lanes import FairLane, InFlight, Place, Shares

SHARES = Shares(namespace=3, host=2)


class LaneHarness:
    """A lane and what runs; keys are `namespace/host.number`."""

    def __init__(self, *keys: str, shares: Shares | None = SHARES) -> None:
        self.lane, self.in_flight = FairLane(), InFlight(shares)
        for text in keys:
            namespace, _, name = text.partition("/")
            self.lane.push(Key(namespace, name), Place(namespace, name.partition(".")[0]))

    def take(self, count: int) -> list[str]:
        """Take so many keys, or all that may run, and begin their runs."""
        taken: list[str] = []
        while len(taken) < count and (found := self.lane.pop(self.in_flight)):
            self.in_flight.begin(*found)
            taken.append(str(found[0]))
        return taken

    def mark_slow(self, *keys: str) -> None:
        for text in keys:
            namespace, _, name = text.partition("/")
            self.in_flight.mark_slow(Key(namespace, name))

    def end(self, text: str) -> None:
        namespace, _, name = text.partition("/")
        self.in_flight.end(Key(namespace, name))


def test_namespaces_take_turns_and_so_do_hosts_inside_one() -> None:
    harness = LaneHarness("a/x.1", "a/x.2", "a/y.1", "b/x.1", "b/x.2")
    assert harness.take(9) == ["a/x.1", "b/x.1", "a/y.1", "b/x.2", "a/x.2"]


def test_nobody_is_held_back_while_all_runs_are_quick() -> None:
    harness = LaneHarness(*(f"a/x.{number}" for number in range(9)))
    assert len(harness.take(9)) == 9


def test_a_host_with_a_slow_run_keeps_to_its_share_and_its_namespace_to_its_own() -> None:
    harness = LaneHarness("a/x.1", "a/x.2", "a/x.3", "a/y.1", "a/y.2", "b/x.1", "b/x.2", "b/x.3")
    harness.take(1)
    harness.mark_slow("a/x.1")
    assert harness.take(9) == ["b/x.1", "b/x.2", "b/x.3", "a/y.1", "a/y.2"]
    assert len(harness.lane) == 2
    harness.end("a/y.1")
    assert harness.take(9) == ["a/x.2"]
    harness.end("a/x.1")
    assert harness.take(9) == ["a/x.3"], "none is slow any more"


@pytest.mark.parametrize("shares", [None, SHARES])
def test_those_without_slow_runs_come_first(shares: Shares | None) -> None:
    harness = LaneHarness("a/x.1", "a/x.2", "a/y.1", "b/x.1", "b/x.2", shares=shares)
    harness.take(1)
    harness.mark_slow("a/x.1")
    assert harness.take(9) == ["b/x.1", "b/x.2", "a/y.1", "a/x.2"]


def test_the_slow_runs_of_whom_has_most_are_named_first_the_longest_before_the_others() -> None:
    keys = ("a/x.1", "b/x.1", "b/x.2", "a/y.1", "b/y.1")
    harness = LaneHarness(*keys)
    harness.take(5)
    harness.mark_slow(*keys)
    assert [str(key) for key in harness.in_flight.slow_keys()] == ["b/x.1", "b/x.2", "b/y.1", "a/x.1", "a/y.1"]


def test_nothing_is_kept_of_runs_that_are_over() -> None:
    harness = LaneHarness("a/x.1")
    harness.take(1)
    harness.mark_slow("a/x.1")
    harness.end("a/x.1")
    harness.mark_slow("a/x.1")
    assert not any(value for name, value in vars(harness.in_flight).items() if name != "_shares")
