from datetime import timedelta

import pytest

from controllers.runtime.queue.ratelimit import Backoff, TokenBucket, spread

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("failures", "want"),
    [
        pytest.param(0, 0.75, id="none-counts-as-one"),
        pytest.param(1, 0.75, id="first"),
        pytest.param(3, 3, id="doubles"),
        pytest.param(11, 768, id="last-below-the-cap"),
        pytest.param(12, 900, id="cap"),
        pytest.param(10**9, 900, id="absurdly-many"),
    ],
)
def test_backoff(failures: int, want: float) -> None:
    assert Backoff().delay(failures) == timedelta(seconds=want)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=0.5, burst=2)
    assert [bucket.reserve(100) for _ in range(4)] == [0, 0, 2, 4]
    assert bucket.reserve(110) == 0


def test_allow_takes_no_credit() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    assert [bucket.allow(at) for at in (0, 0.5, 1, 1.5, 2)] == [True, False, True, False, True]


def test_time_that_goes_backwards_refills_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    assert bucket.allow(10)
    assert not bucket.allow(5)


def test_without_jitter_every_interval_is_what_it_says() -> None:
    odd = timedelta(minutes=7, microseconds=1)
    assert all(spread(odd, percentage=0, seed=str(number)) == odd for number in range(10))


def test_jitter_spreads_a_thousand_intervals_evenly_within_its_bounds() -> None:
    found = [spread(10 * MINUTE, percentage=5, seed=f"uid-{number} 1700000000") for number in range(1000)]
    assert min(found) >= 9.5 * MINUTE
    assert max(found) <= 10.5 * MINUTE
    tenths = [sum(start <= (one - 9.5 * MINUTE) / MINUTE * 10 < start + 1 for one in found) for start in range(10)]
    assert all(60 < count < 140 for count in tenths)


def test_jitter_is_the_same_for_the_same_seed() -> None:
    once, again, next_one = (spread(10 * MINUTE, percentage=5, seed=seed) for seed in ("uid 1", "uid 1", "uid 2"))
    assert once == again != next_one
