"""Durations read and written as Go does."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.golang.duration import BadDuration, format_duration, parse_duration


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
