"""When a request is sent again, and what an answer without success says."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from controllers.net.url import redact_text
from controllers.registry.errors import BadResponse, Denied, ImageNotFound, RegistryError, Throttled, Unavailable
from controllers.registry.retry import RateHint, compute_delay, parse_rate_hint
from controllers.registry.status_errors import status_error

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("headers", "rate_hint"),
    [
        pytest.param({}, RateHint(), id="nothing"),
        pytest.param({"retry-after": "120"}, RateHint(120 * SECOND), id="seconds"),
        pytest.param({"retry-after": "Thu, 01 Jan 2026 12:01:00 GMT"}, RateHint(60 * SECOND), id="date"),
        pytest.param({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, RateHint(0 * SECOND), id="past"),
        pytest.param({"retry-after": "9" * 40}, RateHint(timedelta(hours=6)), id="absurd"),
        pytest.param({"retry-after": "soon"}, RateHint(), id="words"),
        pytest.param({"retry-after": "-5"}, RateHint(), id="negative"),
        pytest.param(
            {"ratelimit-remaining": "0;w=21600", "ratelimit-reset": "30"}, RateHint(None, 30 * SECOND), id="used-up"
        ),
        pytest.param({"ratelimit-remaining": "7", "ratelimit-reset": "30"}, RateHint(), id="not-used-up"),
        pytest.param({"ratelimit-remaining": "0;w=21600"}, RateHint(), id="no-reset"),
        pytest.param({"ratelimit": '"pulls";r=0;t=45'}, RateHint(None, 45 * SECOND), id="combined"),
        pytest.param({"ratelimit": '"pulls";r=3;t=45'}, RateHint(), id="combined-not-used-up"),
        pytest.param(
            {"ratelimit": '"burst";r=0;t=5, "hour";r=0;t=900, "day";r=9;t=9999'},
            RateHint(None, 900 * SECOND),
            id="several-policies",
        ),
        pytest.param({"ratelimit": "limit=100, remaining=0, reset=50"}, RateHint(None, 50 * SECOND), id="older-draft"),
        pytest.param({"ratelimit": "r=0"}, RateHint(), id="combined-without-reset"),
        pytest.param({"ratelimit": "x" * 5000 + ";r=0;t=9"}, RateHint(), id="combined-too-long"),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "15"}, RateHint(None, 15 * SECOND), id="x-seconds"
        ),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW.timestamp() + 25:.0f}"},
            RateHint(None, 25 * SECOND),
            id="x-date",
        ),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW.timestamp() - 25:.0f}"}, RateHint(), id="x-past"
        ),
        pytest.param(
            {
                "date": format_datetime(NOW + timedelta(days=30)),
                "retry-after": format_datetime(NOW + timedelta(days=30, seconds=9)),
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": f"{(NOW + timedelta(days=30, seconds=25)).timestamp():.0f}",
            },
            RateHint(9 * SECOND, 25 * SECOND),
            id="dates-by-a-clock-that-is-not-ours",
        ),
        pytest.param(
            {"retry-after": "7", "ratelimit": '"a";r=0;t=3', "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"},
            RateHint(7 * SECOND, 9 * SECOND),
            id="longest-wins",
        ),
    ],
)
def test_rate_hint_is_read(headers: dict[str, str], rate_hint: RateHint) -> None:
    assert parse_rate_hint(headers, now=NOW) == rate_hint


@pytest.mark.parametrize(
    ("attempt", "retry_after", "remaining", "jitter", "delay"),
    [
        pytest.param(1, None, 60, 0.0, 1.0, id="first"),
        pytest.param(2, None, 60, 1.0, 3.3, id="second-with-jitter"),
        pytest.param(3, None, 60, 0.0, None, id="no-third"),
        pytest.param(1, 20, 60, 0.0, 20.0, id="as-asked"),
        pytest.param(1, 0, 60, 0.0, 1.0, id="not-faster"),
        pytest.param(1, 20, 15, 0.0, None, id="deadline"),
        pytest.param(1, 31, 600, 0.0, None, id="too-long-to-wait-for"),
        pytest.param(2, None, 2, 0.0, None, id="deadline-before-second"),
    ],
)
def test_delay(attempt: int, retry_after: int | None, remaining: int, jitter: float, delay: float | None) -> None:
    found = compute_delay(
        attempt,
        retry_after=None if retry_after is None else retry_after * SECOND,
        remaining=remaining * SECOND,
        jitter=jitter,
    )
    assert found == (None if delay is None else delay * SECOND)


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        pytest.param(401, b"", Denied, "unexpected status code 401 Unauthorized", id="unauthorized"),
        pytest.param(403, b"no\n\x1b[31m", Denied, "unexpected status code 403 Forbidden: no  [31m", id="text"),
        pytest.param(
            404, b'{"errors": []}', ImageNotFound, 'unexpected status code 404 Not Found: {"errors": []}', id="none"
        ),
        pytest.param(429, b'{"errors":[{"code":"A","message":"b"}]}', Throttled, "A: b", id="one"),
        pytest.param(
            500,
            b'{"errors":[{"code":"A","message":"b","detail":{"y":[1,true,null],"x":"z"}}]}',
            Unavailable,
            "A: b; map[x:z y:[1 true <nil>]]",
            id="detail",
        ),
        pytest.param(
            503,
            b'{"errors":[{"code":"A","message":"b"},{"code":"C","message":"d"}]}',
            Throttled,
            "multiple errors returned: A: b; C: d",
            id="several",
        ),
        pytest.param(
            418, b'{"errors":1}', BadResponse, 'unexpected status code 418 I\'m a Teapot: {"errors":1}', id="odd"
        ),
        pytest.param(599, b"", Unavailable, "unexpected status code 599", id="unknown-status"),
        pytest.param(308, b"", BadResponse, "unexpected status code 308 Permanent Redirect", id="redirect-to-nowhere"),
    ],
)
def test_refusal_is_reported_in_the_words_of_flux(
    status: int, body: bytes, kind: type[RegistryError], reason: str
) -> None:
    error = status_error("GET", "https://reg.io/v2/", status, body, RateHint(5 * SECOND))
    assert type(error) is kind
    assert str(error) == f"GET https://reg.io/v2/: {reason}"


def test_deep_detail_is_cut() -> None:
    body = b'{"errors":[{"code":"A","message":"b","detail":' + b"[" * 50 + b"]" * 50 + b"}]}"
    assert str(status_error("GET", "u", 500, body, RateHint())).endswith("[[[[[[[[...]]]]]]]]")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        pytest.param("https://u:p@a/b?c=d", "https://a/b?c=REDACTED", id="user-info"),
        pytest.param("https://a/b?access_token=x&n=1", "https://a/b?access_token=REDACTED&n=1", id="token"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, text: str) -> None:
    assert redact_text(url) == text


def test_a_server_that_is_ill_and_says_for_how_long_is_waited_for() -> None:
    error = status_error("GET", "https://reg.io/v2/", 503, b"", RateHint(90 * SECOND))
    assert isinstance(error, Throttled)
    assert error.retry_after == 90 * SECOND
    assert isinstance(status_error("GET", "https://reg.io/v2/", 503, b"", RateHint()), Unavailable)
