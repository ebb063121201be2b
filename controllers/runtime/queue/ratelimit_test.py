from datetime import timedelta

import pytest

from controllers.runtime.queue.ratelimit import Backoff, TokenBucket


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
