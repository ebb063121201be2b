"""Durations read and written as Go does."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.golang.duration import (
    BadDuration,
    format_duration,
    format_nanoseconds,
    parse_duration,
    parse_nanoseconds,
    round_nanoseconds,
)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("30s", timedelta(seconds=30), id="seconds"),
        pytest.param("1h0m0s", timedelta(hours=1), id="go-form"),
        pytest.param("1h30m", timedelta(minutes=90), id="two-units"),
        pytest.param("30m1h", timedelta(minutes=90), id="any-order"),
        pytest.param("1m1m", timedelta(minutes=2), id="a-unit-twice"),
        pytest.param("1.5h", timedelta(minutes=90), id="decimal"),
        pytest.param(".5s", timedelta(milliseconds=500), id="no-digit-before-the-point"),
        pytest.param("5.s", timedelta(seconds=5), id="no-digit-after-the-point"),
        pytest.param("0.1s0.2s", timedelta(milliseconds=300), id="decimals-add-up-exactly"),
        pytest.param("300ms", timedelta(milliseconds=300), id="milliseconds-are-not-minutes"),
        pytest.param("7us", timedelta(microseconds=7), id="us"),
        pytest.param("7\u00b5s", timedelta(microseconds=7), id="micro-sign"),
        pytest.param("7\u03bcs", timedelta(microseconds=7), id="greek-mu"),
        pytest.param("1999ns", timedelta(microseconds=1), id="cut-to-microseconds"),
        pytest.param("0", timedelta(), id="zero-needs-no-unit"),
        pytest.param("-1m30s", timedelta(seconds=-90), id="negative"),
        pytest.param("+1m", timedelta(minutes=1), id="plus"),
    ],
)
def test_parse(text: str, want: timedelta) -> None:
    assert parse_duration(text) == want


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("30", id="no-unit"),
        pytest.param("s", id="no-number"),
        pytest.param(".s", id="only-a-point"),
        pytest.param("1d", id="days"),
        pytest.param("1 h", id="blank"),
        pytest.param("1h ", id="blank-at-the-end"),
        pytest.param("1M", id="upper-case"),
        pytest.param("1h-2m", id="sign-inside"),
        pytest.param("--1h", id="two-signs"),
        pytest.param("\u0661s", id="digits-of-another-script"),
        pytest.param("2562048h", id="longer-than-64-bits-of-nanoseconds"),
        pytest.param("9" * 5000 + "s", id="hostile-number"),
        pytest.param("0." + "1" * 5000 + "s", id="hostile-fraction"),
        pytest.param("1s" * 5000, id="hostile-sum"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_text_cut(text: str) -> None:
    with pytest.raises(BadDuration) as caught:
        parse_duration(text)
    assert text[:64] in str(caught.value)
    assert len(str(caught.value)) < 256


@pytest.mark.parametrize(
    ("duration", "want"),
    [
        pytest.param(timedelta(), "0s", id="zero"),
        pytest.param(timedelta(seconds=30), "30s", id="seconds"),
        pytest.param(timedelta(minutes=1), "1m0s", id="minute"),
        pytest.param(timedelta(hours=1), "1h0m0s", id="hour"),
        pytest.param(timedelta(days=2, seconds=5), "48h0m5s", id="days-are-hours"),
        pytest.param(timedelta(seconds=59.871), "59.871s", id="decimals"),
        pytest.param(timedelta(minutes=1, milliseconds=500), "1m0.5s", id="decimals-after-minutes"),
        pytest.param(timedelta(milliseconds=300), "300ms", id="milliseconds"),
        pytest.param(timedelta(microseconds=1500), "1.5ms", id="part-of-a-millisecond"),
        pytest.param(timedelta(microseconds=12), "12\u00b5s", id="microseconds"),
        pytest.param(timedelta(seconds=-90), "-1m30s", id="negative"),
    ],
)
def test_format(duration: timedelta, want: str) -> None:
    assert format_duration(duration) == want


@given(st.timedeltas(min_value=timedelta(days=-106_000), max_value=timedelta(days=106_000)))
def test_what_is_written_reads_back_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(max_size=20))
def test_any_text_gives_a_duration_or_bad_duration(text: str) -> None:
    with contextlib.suppress(BadDuration):
        assert isinstance(parse_duration(text), timedelta)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("1ns", 1, id="nanosecond"),
        pytest.param("0.3333333333333333333h", 1_200_000_000_000, id="fraction-is-a-float"),
        pytest.param("0.9223372036854775807h", 3_320_413_933_267, id="longest-fraction"),
        pytest.param("0.100000000000000000000h", 360_000_000_000, id="fraction-longer-than-64-bits"),
        pytest.param("00000000000000000000001s", 1_000_000_000, id="leading-zeros"),
        pytest.param("-9223372036854775808ns", -(1 << 63), id="lowest"),
    ],
)
def test_nanoseconds(text: str, want: int) -> None:
    assert parse_nanoseconds(text) == want


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", 'time: invalid duration ""', id="empty"),
        pytest.param("-.s", 'time: invalid duration "-.s"', id="only-a-point"),
        pytest.param("3", 'time: missing unit in duration "3"', id="no-unit"),
        pytest.param("1h3d", 'time: unknown unit "d" in duration "1h3d"', id="days"),
        pytest.param("3é", r'time: unknown unit "\xc3\xa9" in duration "3\xc3\xa9"', id="quoted-bytewise"),
        pytest.param("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"', id="too-long"),
        pytest.param("99999999999999999999", 'time: invalid duration "99999999999999999999"', id="number-too-long"),
        pytest.param("2562047h1h", 'time: invalid duration "2562047h1h"', id="sum-too-long"),
    ],
)
def test_bad_durations_in_the_words_of_go(text: str, message: str) -> None:
    with pytest.raises(BadDuration) as caught:
        parse_nanoseconds(text)
    assert str(caught.value) == message


def test_format_nanoseconds() -> None:
    assert format_nanoseconds(-(1 << 63)) == "-2562047h47m16.854775808s"
    assert format_nanoseconds(1_001) == "1.001\u00b5s"


@pytest.mark.parametrize(
    ("nanoseconds", "unit", "want"),
    [
        pytest.param(1_500, 1_000, 2_000, id="half-away-from-zero"),
        pytest.param(-1_500, 1_000, -2_000, id="negative-half"),
        pytest.param(1_499, 1_000, 1_000, id="down"),
        pytest.param(1_499, 0, 1_499, id="no-unit"),
        pytest.param((1 << 63) - 1, 1_000_000_000, (1 << 63) - 1, id="saturates"),
    ],
)
def test_round(nanoseconds: int, unit: int, want: int) -> None:
    assert round_nanoseconds(nanoseconds, unit) == want
