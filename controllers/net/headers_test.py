"""Headers: Basic authentication, and Retry-After from servers that mean well and from others."""

from datetime import UTC, datetime, timedelta

import pytest

from controllers.net.headers import basic_authorization, parse_retry_after

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("header", "want"),
    [
        pytest.param("120", timedelta(seconds=120), id="seconds"),
        pytest.param(" 0 ", timedelta(0), id="at-once"),
        pytest.param("9" * 5000, HOUR, id="absurd-seconds"),
        pytest.param("0" * 5000 + "60", timedelta(seconds=60), id="zeros-in-front"),
        pytest.param("Thu, 01 Jan 2026 12:01:00 GMT", timedelta(seconds=60), id="date"),
        pytest.param("Thu, 01 Jan 2026 12:01:00 -0000", timedelta(seconds=60), id="date-without-a-zone"),
        pytest.param("Thu, 01 Jan 2026 11:00:00 GMT", timedelta(0), id="past"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", HOUR, id="absurd-date"),
        pytest.param("Thu, 01 Jan 99999999999 12:00:00 GMT", None, id="year-beyond-reckoning"),
        pytest.param("Thu, 01 Jan 2026 12:01:00 +9999", None, id="zone-beyond-reckoning"),
        pytest.param("", None, id="missing"),
        pytest.param("soon", None, id="words"),
        pytest.param("-5", None, id="negative"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("\u0661", None, id="digits-of-another-script"),
    ],
)
def test_waits(header: str, want: timedelta | None) -> None:
    assert parse_retry_after(header, now=NOW, at_most=HOUR) == want


def test_a_date_says_nothing_to_those_without_a_clock() -> None:
    assert parse_retry_after("Thu, 01 Jan 2026 12:01:00 GMT", now=None) is None
    assert parse_retry_after("7", now=None) == timedelta(seconds=7)


def test_basic_authentication_is_utf8() -> None:
    assert basic_authorization("mé", "p:w") == "Basic bcOpOnA6dw=="
