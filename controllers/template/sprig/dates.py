"""Sprig's date functions that Flux keeps, and the methods of Go's `time.Time` and `time.Duration`.

Reference: https://masterminds.github.io/sprig/date.html, https://pkg.go.dev/time. The only clock is the time of the
render.
"""

import dataclasses
from typing import ClassVar

from controllers.golang.duration import (
    HOUR,
    MINUTE,
    SECOND,
    BadDuration,
    format_nanoseconds,
    parse_nanoseconds,
    round_nanoseconds,
    saturate,
)
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import layouts
from controllers.template.go.times import ZERO, Civil, Instant, instant
from controllers.template.go.types import ANY, INT, STRING, Function, Kind, Type
from controllers.template.go.values import Int64, kind_of
from controllers.template.syntax.numbers import wrap64

DAY = 24 * HOUR
LIBRARY = Library()
_TIME_METHODS, _DURATION_METHODS = Library(), Library()


class Month(int):
    """A `time.Month`, printed as its English name."""

    go_type: ClassVar[Type]


class Weekday(int):
    """A `time.Weekday`, printed as its English name."""

    go_type: ClassVar[Type]


class Duration(int):
    """A `time.Duration` in nanoseconds."""

    go_type: ClassVar[Type]
    counts_as_number: ClassVar[bool] = False
    """Sprig's arithmetic does not accept it as a number."""


def _int_text(value: object) -> int:
    assert isinstance(value, int)
    return int(value)


def _time_text(value: object) -> str:
    assert isinstance(value, Instant)
    return layouts.format_time(value, layouts.STRING_LAYOUT)


def _time_json(value: object) -> str:
    assert isinstance(value, Instant)
    return layouts.format_time(value, "2006-01-02T15:04:05.999999999Z07:00")


TIME = Type("time.Time", Kind.STRUCT, methods=_TIME_METHODS.functions, text=_time_text, json=_time_json)
DURATION = Type(
    "time.Duration",
    Kind.INT64,
    methods=_DURATION_METHODS.functions,
    text=lambda value: format_nanoseconds(_int_text(value)),
)
_NAME = Function("String", (), lambda _run, value: value.go_type.text(value))
Month.go_type = Type(
    "time.Month",
    Kind.INT,
    methods={"String": _NAME},
    text=lambda value: layouts.MONTHS[_int_text(value) - 1],
)
Weekday.go_type = Type(
    "time.Weekday",
    Kind.INT,
    methods={"String": _NAME},
    text=lambda value: layouts.WEEKDAYS[_int_text(value)],
)
Duration.go_type = DURATION
Instant.go_type = TIME
_TIME_METHODS.functions["String"] = _DURATION_METHODS.functions["String"] = _NAME


# Functions


@LIBRARY.add("toDate", STRING, STRING)
def _to_date(run: RenderContext, layout: str, text: str) -> Instant:
    try:
        return _parsed(run, layout, text)
    except FunctionFailure:
        return ZERO


@LIBRARY.add("mustToDate", STRING, STRING)
def _must_to_date(run: RenderContext, layout: str, text: str) -> Instant:
    return _parsed(run, layout, text)


def _parsed(run: RenderContext, layout: str, text: str) -> Instant:
    run.budget.spend(len(layout) + len(text) // 8)
    return layouts.parse_time(layout, text)


@LIBRARY.add("mustDateModify must_date_modify", STRING, TIME)
def _must_date_modify(run: RenderContext, change: str, moment: Instant) -> Instant:
    try:
        return moment.add(parse_nanoseconds(change))
    except BadDuration as error:
        raise FunctionFailure(str(error)) from None


@LIBRARY.add("unixEpoch", TIME)
def _unix_epoch(run: RenderContext, moment: Instant) -> str:
    return str(moment.seconds)


@LIBRARY.add("ago", ANY)
def _ago(run: RenderContext, date: object) -> str:
    if isinstance(date, Instant):
        since = date
    elif isinstance(date, int) and kind_of(date) in (Kind.INT, Kind.INT64) and not isinstance(date, Duration | Month):
        since = Instant(int(date))
    else:
        return "0s"
    return format_nanoseconds(round_nanoseconds(_since(run, since), SECOND))


def _since(run: RenderContext, moment: Instant) -> int:
    now = run.now
    seconds = int(now.timestamp())
    return saturate(seconds * SECOND + now.microsecond * 1_000 - moment.unix_nanos())


@LIBRARY.add("duration", ANY)
def _duration(run: RenderContext, seconds: object) -> str:
    count = 0
    if isinstance(seconds, str):
        count = _base_ten(seconds)
    elif isinstance(seconds, Int64):
        count = int(seconds)
    return format_nanoseconds(wrap64(count * SECOND))


def _base_ten(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 30:
        return 0
    bound = (1 << 63) - 1
    return max(-bound - 1, min(int(text), bound))


@LIBRARY.add("durationRound", ANY)
def _duration_round(run: RenderContext, value: object) -> str:
    amount = 0
    if isinstance(value, str):
        try:
            amount = parse_nanoseconds(value)
        except BadDuration:
            amount = 0
    elif isinstance(value, Int64):
        amount = int(value)
    elif isinstance(value, Instant):
        amount = _since(run, value)
    for name, size in (("y", 365 * DAY), ("mo", 30 * DAY), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        if abs(amount) > size:
            return f"{abs(amount) // size}{name}"
    return "0s"


# Methods of time.Time


@_TIME_METHODS.add("Year")
def _year(run: RenderContext, moment: Instant) -> int:
    return moment.civil.year


@_TIME_METHODS.add("Month")
def _month(run: RenderContext, moment: Instant) -> Month:
    return Month(moment.civil.month)


@_TIME_METHODS.add("Day")
def _day(run: RenderContext, moment: Instant) -> int:
    return moment.civil.day


@_TIME_METHODS.add("Hour")
def _hour(run: RenderContext, moment: Instant) -> int:
    return moment.civil.hour


@_TIME_METHODS.add("Minute")
def _minute(run: RenderContext, moment: Instant) -> int:
    return moment.civil.minute


@_TIME_METHODS.add("Second")
def _second(run: RenderContext, moment: Instant) -> int:
    return moment.civil.second


@_TIME_METHODS.add("Nanosecond")
def _nanosecond(run: RenderContext, moment: Instant) -> int:
    return moment.nanos


@_TIME_METHODS.add("Weekday")
def _weekday(run: RenderContext, moment: Instant) -> Weekday:
    return Weekday(moment.weekday)


@_TIME_METHODS.add("YearDay")
def _year_day(run: RenderContext, moment: Instant) -> int:
    return moment.year_day


@_TIME_METHODS.add("Unix")
def _unix(run: RenderContext, moment: Instant) -> Int64:
    return Int64(moment.seconds)


@_TIME_METHODS.add("UnixMilli")
def _unix_milli(run: RenderContext, moment: Instant) -> Int64:
    return Int64(moment.unix_nanos() // 1_000_000)


@_TIME_METHODS.add("UnixNano")
def _unix_nano(run: RenderContext, moment: Instant) -> Int64:
    return Int64(wrap64(moment.unix_nanos()))


@_TIME_METHODS.add("IsZero")
def _is_zero(run: RenderContext, moment: Instant) -> bool:
    return moment.unix_nanos() == ZERO.unix_nanos()


@_TIME_METHODS.add("UTC Local")
def _utc(run: RenderContext, moment: Instant) -> Instant:
    return dataclasses.replace(moment, offset=0, zone="UTC")


@_TIME_METHODS.add("Format", STRING)
def _format(run: RenderContext, moment: Instant, layout: str) -> str:
    run.budget.grow(8 * len(layout))
    return layouts.format_time(moment, layout)


@_TIME_METHODS.add("Add", DURATION)
def _add(run: RenderContext, moment: Instant, amount: Duration) -> Instant:
    return moment.add(int(amount))


@_TIME_METHODS.add("AddDate", INT, INT, INT)
def _add_date(run: RenderContext, moment: Instant, years: int, months: int, days: int) -> Instant:
    civil = moment.civil
    moved = Civil(civil.year + years, civil.month + months, civil.day + days, *civil[3:])
    if not 0 <= moved.year + moved.month // 12 + moved.day // 366 <= 9999:
        raise FunctionFailure("date is outside the years 0 to 9999")
    return instant(moved, moment.nanos, offset=moment.offset, zone=moment.zone)


@_TIME_METHODS.add("Sub", TIME)
def _sub(run: RenderContext, moment: Instant, other: Instant) -> Duration:
    return Duration(saturate(moment.unix_nanos() - other.unix_nanos()))


@_TIME_METHODS.add("Before", TIME)
def _before(run: RenderContext, moment: Instant, other: Instant) -> bool:
    return moment.unix_nanos() < other.unix_nanos()


@_TIME_METHODS.add("After", TIME)
def _after(run: RenderContext, moment: Instant, other: Instant) -> bool:
    return moment.unix_nanos() > other.unix_nanos()


@_TIME_METHODS.add("Equal", TIME)
def _equal(run: RenderContext, moment: Instant, other: Instant) -> bool:
    return moment.unix_nanos() == other.unix_nanos()


@_TIME_METHODS.add("Compare", TIME)
def _compare(run: RenderContext, moment: Instant, other: Instant) -> int:
    return (moment.unix_nanos() > other.unix_nanos()) - (moment.unix_nanos() < other.unix_nanos())


# Methods of time.Duration


@_DURATION_METHODS.add("Hours")
def _hours(run: RenderContext, amount: Duration) -> float:
    return amount / HOUR


@_DURATION_METHODS.add("Minutes")
def _minutes(run: RenderContext, amount: Duration) -> float:
    return amount / MINUTE


@_DURATION_METHODS.add("Seconds")
def _seconds(run: RenderContext, amount: Duration) -> float:
    return amount / SECOND


@_DURATION_METHODS.add("Milliseconds")
def _milliseconds(run: RenderContext, amount: Duration) -> Int64:
    return Int64(int(amount / 1_000_000))
