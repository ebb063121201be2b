"""Go's `time.Time` as a value: seconds and nanoseconds since 1970, with a fixed offset from UTC and a zone name.

The only zones are UTC and fixed offsets: Flux's controllers run in UTC. Years go from 0 to 9999.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from controllers.golang.duration import SECOND
from controllers.template.go.types import Type

EPOCH_DAYS = 719_162
"""Days from 0001-01-01 to 1970-01-01."""
DAY_SECONDS = 86_400
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


class Civil(NamedTuple):
    """Fields on the wall clock."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int


@dataclass(frozen=True, slots=True)
class Instant:
    """A `time.Time`. `zone` is "UTC", another name, or "" where only the offset is known."""

    go_type: ClassVar[Type]
    seconds: int
    nanos: int = 0
    offset: int = 0
    zone: str = "UTC"

    @property
    def civil(self) -> Civil:
        """The wall clock in this value's zone."""
        days, rest = divmod(self.seconds + self.offset, DAY_SECONDS)
        hour, rest = divmod(rest, 3600)
        return Civil(*date_of(days + EPOCH_DAYS), hour, *divmod(rest, 60))

    @property
    def weekday(self) -> int:
        """The day of the week; 0 is Sunday."""
        return ((self.seconds + self.offset) // DAY_SECONDS + 4) % 7

    @property
    def year_day(self) -> int:
        """The day of the year; 1 is January 1st."""
        year, month, day, *_ = self.civil
        return days_before(year, month) - days_before(year, 1) + day

    def unix_nanos(self) -> int:
        """Return the nanoseconds since 1970."""
        return self.seconds * SECOND + self.nanos

    def add(self, nanoseconds: int) -> "Instant":
        """Return this time plus a duration."""
        seconds, nanos = divmod(self.unix_nanos() + nanoseconds, SECOND)
        return Instant(seconds, nanos, self.offset, self.zone)


def is_leap(year: int) -> bool:
    """Return True for a year with a February 29th."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_before(year: int, month: int) -> int:
    """Return the days from 0001-01-01 to the first of the month."""
    past = year - 1
    leap_day = month > 2 and is_leap(year)
    return past * 365 + past // 4 - past // 100 + past // 400 + _DAYS_BEFORE_MONTH[month - 1] + leap_day


def days_in(year: int, month: int) -> int:
    """Return the length of the month."""
    return days_before(year + month // 12, month % 12 + 1) - days_before(year, month)


def date_of(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a count of days from 0001-01-01."""
    year = days * 400 // 146_097 + 1
    while days_before(year, 1) > days:
        year -= 1
    while days_before(year + 1, 1) <= days:
        year += 1
    month = 12
    while days_before(year, month) > days:
        month -= 1
    return year, month, days - days_before(year, month) + 1


def instant(civil: Civil, nanos: int = 0, *, offset: int = 0, zone: str = "UTC") -> Instant:
    """Return the time at which a clock with this offset shows `civil`; fields beyond their range carry over."""
    year, month = civil.year + (civil.month - 1) // 12, (civil.month - 1) % 12 + 1
    days = days_before(year, month) + civil.day - 1 - EPOCH_DAYS
    seconds = days * DAY_SECONDS + civil.hour * 3600 + civil.minute * 60 + civil.second - offset
    return Instant(seconds, nanos, offset, zone)


ZERO = instant(Civil(1, 1, 1, 0, 0, 0))
"""Go's zero time."""
