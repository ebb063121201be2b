"""Go's date layouts (`2006-01-02 15:04:05 -0700 MST`): formatting and parsing.

Reference: https://pkg.go.dev/time#Layout. Zone names are kept as names; only UTC and GMT±n have a known offset.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controllers.golang.quote import quote_bytes
from controllers.template.errors import FunctionFailure
from controllers.template.go.times import Civil, Instant, days_in, instant

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
STRING_LAYOUT = "2006-01-02 15:04:05.999999999 -0700 MST"
_ELEMENT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|002|0[1-6]|15|__2|_2(?!006)|[12345]|PM|pm"
    r"|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?!\d)",
    re.ASCII,
)
_ZONE = re.compile(r"ChST|MeST|GMT[+-]\d{1,2}|[+-]\d{2}(?!\d)|[A-Z]{3,4}(?![A-Z])|[A-Z]{4}T(?![A-Z])", re.ASCII)


def elements(layout: str) -> Iterator[tuple[str, str]]:
    """Yield literal text and the element that follows it, `""` at the end."""
    at = 0
    for match in _ELEMENT.finditer(layout):
        yield layout[at : match.start()], match[0]
        at = match.end()
    yield layout[at:], ""


# Formatting


def format_time(moment: Instant, layout: str) -> str:
    """Format `moment` in the form of `layout`."""
    return "".join(literal + _format_element(moment, element) for literal, element in elements(layout))


def _format_element(moment: Instant, element: str) -> str:
    civil = moment.civil
    simple = _FORMATS.get(element)
    if simple is not None:
        return simple(moment, civil)
    if element[:1] in ("-", "Z"):
        return "Z" if element[0] == "Z" and not moment.offset else _offset(moment.offset, element[1:])
    if element[:1] in (".", ","):
        digits = f"{moment.nanos:09d}"[: len(element) - 1].ljust(len(element) - 1, "0")
        if element[1] == "9":
            digits = digits.rstrip("0")
        return element[0] + digits if digits else ""
    return ""


def _offset(offset: int, form: str) -> str:
    sign, rest = ("-", -offset) if offset < 0 else ("+", offset)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    fields = (hours, minutes, seconds)[: len(form.replace(":", "")) // 2]
    return sign + (":" if ":" in form else "").join(f"{field:02d}" for field in fields)


def _year(civil: Civil) -> str:
    return f"{civil.year:04d}"


_Format = Callable[[Instant, Civil], str]
_FORMATS: dict[str, _Format] = {
    "2006": lambda _, civil: _year(civil),
    "06": lambda _, civil: f"{civil.year % 100:02d}",
    "January": lambda _, civil: MONTHS[civil.month - 1],
    "Jan": lambda _, civil: MONTHS[civil.month - 1][:3],
    "1": lambda _, civil: str(civil.month),
    "01": lambda _, civil: f"{civil.month:02d}",
    "Monday": lambda moment, _: WEEKDAYS[moment.weekday],
    "Mon": lambda moment, _: WEEKDAYS[moment.weekday][:3],
    "2": lambda _, civil: str(civil.day),
    "_2": lambda _, civil: f"{civil.day:2d}",
    "02": lambda _, civil: f"{civil.day:02d}",
    "__2": lambda moment, _: f"{moment.year_day:3d}",
    "002": lambda moment, _: f"{moment.year_day:03d}",
    "15": lambda _, civil: f"{civil.hour:02d}",
    "3": lambda _, civil: str(civil.hour % 12 or 12),
    "03": lambda _, civil: f"{civil.hour % 12 or 12:02d}",
    "4": lambda _, civil: str(civil.minute),
    "04": lambda _, civil: f"{civil.minute:02d}",
    "5": lambda _, civil: str(civil.second),
    "05": lambda _, civil: f"{civil.second:02d}",
    "PM": lambda _, civil: "PM" if civil.hour >= 12 else "AM",
    "pm": lambda _, civil: "pm" if civil.hour >= 12 else "am",
    "MST": lambda moment, _: moment.zone or _offset(moment.offset, "0700"),
    "": lambda _moment, _civil: "",
}


# Parsing


class _Mismatch(Exception):
    """The text does not have the element."""


class _OutOfRange(Exception):
    """The element's number is beyond its range; the text names it."""


@dataclass(slots=True)
class _Reading:
    """The numbers read so far; -1 where there is none."""

    rest: str
    year: int = 0
    month: int = -1
    day: int = -1
    year_day: int = -1
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanos: int = 0
    half: str = ""
    offset: int | None = None
    zone: str = ""
    utc: bool = False

    def number(self, pattern: str) -> int:
        """Read digits at the start of the rest, as a number."""
        match = re.match(pattern, self.rest, re.ASCII)
        if match is None:
            raise _Mismatch
        self.rest = self.rest[match.end() :]
        return int(match[0])

    def name(self, names: list[str], length: int | None) -> int:
        """Read a name at the start of the rest and return its index; case does not matter."""
        for index, name in enumerate(names):
            wanted = name[:length]
            if self.rest[: len(wanted)].lower() == wanted.lower():
                self.rest = self.rest[len(wanted) :]
                return index
        raise _Mismatch


def parse_time(layout: str, text: str) -> Instant:
    """Return the time in `text`. Raises FunctionFailure with the text of Go's `time.Parse`."""
    reading = _Reading(text)
    parts = list(elements(layout))
    for position, (literal, element) in enumerate(parts):
        _skip(reading, literal, layout, text)
        if not element:
            if reading.rest:
                raise FunctionFailure(f"parsing time {quote_bytes(text)}: extra text: {quote_bytes(reading.rest)}")
            break
        before = reading.rest
        following = parts[position + 1][1] if not parts[position + 1][0] else ""
        try:
            _read(reading, element, following)
        except _Mismatch:
            raise _parse_failure(layout, text, element, before) from None
        except _OutOfRange as error:
            raise FunctionFailure(f"parsing time {quote_bytes(text)}: {error} out of range") from None
    return _to_instant(reading, text)


def _parse_failure(layout: str, text: str, element: str, rest: str) -> FunctionFailure:
    quoted = [quote_bytes(part) for part in (text, layout, rest, element)]
    return FunctionFailure(f"parsing time {quoted[0]} as {quoted[1]}: cannot parse {quoted[2]} as {quoted[3]}")


def _skip(reading: _Reading, literal: str, layout: str, text: str) -> None:
    """Skip the literal text; a run of spaces matches any number of them."""
    wanted = literal
    while wanted:
        if wanted[0] == " ":
            if reading.rest and reading.rest[0] != " ":
                raise _parse_failure(layout, text, wanted, reading.rest)
            wanted, reading.rest = wanted.lstrip(" "), reading.rest.lstrip(" ")
        elif reading.rest[:1] != wanted[0]:
            raise _parse_failure(layout, text, literal, reading.rest)
        else:
            wanted, reading.rest = wanted[1:], reading.rest[1:]


def _check_range(value: int, low: int, high: int, what: str) -> int:
    if not low <= value <= high:
        raise _OutOfRange(what)
    return value


def _read(reading: _Reading, element: str, following: str) -> None:
    two = element.startswith("0")
    digits = r"\d\d" if two else r"\d\d?"
    match element:
        case "2006":
            reading.year = reading.number(r"\d{4}")
        case "06":
            year = reading.number(digits)
            reading.year = year + (1900 if year >= 69 else 2000)
        case "January" | "Jan":
            reading.month = 1 + reading.name(MONTHS, 3 if element == "Jan" else None)
        case "1" | "01":
            reading.month = _check_range(reading.number(digits), 1, 12, "month")
        case "Monday" | "Mon":
            reading.name(WEEKDAYS, 3 if element == "Mon" else None)
        case "2" | "_2" | "02":
            if element == "_2":
                reading.rest = reading.rest.removeprefix(" ")
            reading.day = reading.number(digits)
        case "002" | "__2":
            reading.year_day = reading.number(r"\d{3}" if two else r" {0,2}\d{1,3}")
        case _:
            _read_clock(reading, element, following, digits)


def _read_clock(reading: _Reading, element: str, following: str, digits: str) -> None:
    match element:
        case "15":
            reading.hour = _check_range(reading.number(r"\d\d?"), 0, 23, "hour")
        case "3" | "03":
            reading.hour = _check_range(reading.number(digits), 0, 12, "hour")
        case "4" | "04":
            reading.minute = _check_range(reading.number(digits), 0, 59, "minute")
        case "5" | "05":
            reading.second = _check_range(reading.number(digits), 0, 59, "second")
            if following[:1] not in (".", ",") and re.match(r"[.,]\d", reading.rest, re.ASCII):
                _read_fraction(reading, r"[.,]\d+")
        case "PM" | "pm":
            reading.half = "AP"[reading.name(["AM", "PM"] if element == "PM" else ["am", "pm"], None)]
        case "MST":
            _read_zone(reading)
        case _ if element[0] in "-Z":
            _read_offset(reading, element)
        case _ if element[1] == "0":
            _read_fraction(reading, rf"[.,]\d{{{len(element) - 1}}}")
        case _ if re.match(r"[.,]\d", reading.rest, re.ASCII):
            _read_fraction(reading, r"[.,]\d{1,9}")


def _read_fraction(reading: _Reading, pattern: str) -> None:
    match = re.match(pattern, reading.rest, re.ASCII)
    if match is None:
        raise _Mismatch
    reading.nanos = int(match[0][1:10].ljust(9, "0"))
    reading.rest = reading.rest[match.end() :]


def _read_zone(reading: _Reading) -> None:
    if reading.rest.startswith("UTC"):
        reading.utc, reading.rest = True, reading.rest[3:]
        return
    match = _ZONE.match(reading.rest)
    if match is None:
        raise _Mismatch
    reading.zone, reading.rest = match[0], reading.rest[match.end() :]


def _read_offset(reading: _Reading, element: str) -> None:
    if element[0] == "Z" and reading.rest.startswith("Z"):
        reading.utc, reading.rest = True, reading.rest[1:]
        return
    pattern = "([+-])" + element[1:].replace("07", r"(\d\d)", 1).replace("00", r"(\d\d)")
    match = re.match(pattern, reading.rest, re.ASCII)
    if match is None:
        raise _Mismatch
    hours, minutes, seconds = (*(int(part) for part in match.groups()[1:]), 0, 0)[:3]
    _check_range(hours, 0, 24, "time zone offset hour")
    _check_range(minutes, 0, 60, "time zone offset minute")
    offset = hours * 3600 + minutes * 60 + seconds
    reading.offset = -offset if match[1] == "-" else offset
    reading.rest = reading.rest[match.end() :]


def _to_instant(reading: _Reading, text: str) -> Instant:
    if reading.half == "P" and reading.hour < 12:
        reading.hour += 12
    elif reading.half == "A" and reading.hour == 12:
        reading.hour = 0
    month, day = _date(reading, text)
    civil = Civil(reading.year, month, day, reading.hour, reading.minute, reading.second)
    if reading.offset is not None and not reading.utc:
        zone = reading.zone or ("" if reading.offset else "UTC")
        return instant(civil, reading.nanos, offset=reading.offset, zone=zone)
    offset = 0
    if reading.zone.startswith("GMT") and len(reading.zone) > 3:
        offset = int(reading.zone[3:]) * 3600
    # Go reads the fields as UTC and only prints them with the name of the zone.
    return Instant(instant(civil).seconds, reading.nanos, offset, reading.zone or "UTC")


def _date(reading: _Reading, text: str) -> tuple[int, int]:
    failure = FunctionFailure(f"parsing time {quote_bytes(text)}: day out of range")
    if reading.year_day >= 0:
        length = days_in(reading.year, 2) + 337
        if not 1 <= reading.year_day <= length:
            raise FunctionFailure(f"parsing time {quote_bytes(text)}: day-of-year out of range")
        month, day = 1, reading.year_day
        while day > days_in(reading.year, month):
            day -= days_in(reading.year, month)
            month += 1
        return month, day
    month = max(reading.month, 1)
    day = 1 if reading.day < 0 else reading.day
    if not 1 <= day <= days_in(reading.year, month):
        raise failure
    return month, day
