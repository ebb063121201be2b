"""Ages, as `kubectl` words them."""

from datetime import UTC, datetime

import pytest

from cli.ages import UNKNOWN, age_of, format_age

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.9, "0s"), (119, "119s"), (120, "2m"), (200, "3m20s"), (599, "9m59s"), (600, "10m"),
        (3630, "60m"), (10_800, "3h"), (11_000, "3h3m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"),
        (180_000, "2d2h"), (8 * 86_400, "8d"), (729 * 86_400, "729d"), (731 * 86_400, "2y1d"), (9 * 365 * 86_400, "9y"),
        (-1, "0s"), (-60, "<invalid>"),
    ],
)  # fmt: skip
def test_an_age_has_two_figures_at_most(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


@pytest.mark.parametrize(
    ("time", "age"),
    [
        ("2026-01-05T11:57:00Z", "3m"), ("2026-01-05T13:57:00+02:00", "3m"), ("2026-01-05T11:59:58.123456789Z", "1s"),
        ("yesterday", UNKNOWN), (None, UNKNOWN), ("2026-13-05T11:57:00Z", UNKNOWN), (7, UNKNOWN),
    ],
)  # fmt: skip
def test_an_age_is_told_of_times_alone(time: object, age: str) -> None:
    assert age_of(time, NOW) == age
