"""Several streams in one."""

import threading
from collections.abc import Iterator

import pytest

from cli.merging import merge


def test_items_of_all_come_while_one_still_waits() -> None:
    done = threading.Event()

    def slow() -> Iterator[str]:
        yield "slow"
        done.wait(30)

    taken = []
    for item in merge([slow, lambda: ["a", "b"]]):
        taken.append(item)
        if len(taken) == 3:
            done.set()
    assert sorted(taken) == ["a", "b", "slow"]


def test_what_fails_is_raised_at_once_and_an_end_when_all_have_ended() -> None:
    def fail() -> Iterator[str]:
        yield from open("/nowhere")  # noqa: SIM115

    def late() -> Iterator[str]:
        yield from "abc"
        raise TimeoutError

    with pytest.raises(OSError, match="nowhere"):
        list(merge([fail, lambda: threading.Event().wait(30) or ["never"]]))  # type: ignore[list-item,return-value]
    taken: list[str] = []
    with pytest.raises(TimeoutError):
        taken.extend(merge([late, late], ends=(TimeoutError,)))
    assert sorted(taken) == [*"aabbcc"]


def test_one_stream_needs_no_thread() -> None:
    before = threading.active_count()
    counts = [threading.active_count() for _ in merge([lambda: "ab"])]
    assert counts == [before, before]
