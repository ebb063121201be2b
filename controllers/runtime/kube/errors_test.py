import pytest

from controllers.runtime.kube import errors


@pytest.mark.parametrize(
    ("status", "reason", "retry_after", "want"),
    [
        pytest.param(401, "Unauthorized", None, errors.Unauthorized, id="unauthorized"),
        pytest.param(403, "Forbidden", None, errors.Forbidden, id="forbidden"),
        pytest.param(404, "NotFound", None, errors.NotFound, id="not-found"),
        pytest.param(409, "AlreadyExists", None, errors.AlreadyExists, id="exists-by-reason"),
        pytest.param(409, "Conflict", None, errors.Conflict, id="conflict"),
        pytest.param(410, "Expired", None, errors.Gone, id="expired-watch"),
        pytest.param(410, "Gone", None, errors.Gone, id="gone"),
        pytest.param(422, "Invalid", None, errors.Invalid, id="invalid"),
        pytest.param(413, "", None, errors.Invalid, id="too-large-request"),
        pytest.param(429, "TooManyRequests", 2.0, errors.Throttled, id="throttled"),
        pytest.param(503, "ServiceUnavailable", 1.0, errors.Throttled, id="unavailable-with-retry-after"),
        pytest.param(503, "ServiceUnavailable", None, errors.ServerError, id="unavailable"),
        pytest.param(500, "InternalError", None, errors.ServerError, id="internal"),
        pytest.param(504, "Timeout", None, errors.ServerError, id="gateway-timeout"),
    ],
)
def test_class_follows_reason_and_status(
    status: int, reason: str, retry_after: float | None, want: type[errors.ApiError]
) -> None:
    error = errors.error_for_status("get pods a/b", "no", status=status, reason=reason, retry_after=retry_after)
    assert type(error) is want
    assert (error.status, error.retry_after) == (status, retry_after)


def test_text_says_what_was_tried_on_what_and_what_happened() -> None:
    error = errors.error_for_status(
        "patch pods a/b", "object was modified", status=409, reason="Conflict", retry_after=None
    )
    assert str(error) == "patch pods a/b: 409 Conflict: object was modified"
    assert error.message == "object was modified"


def test_text_without_an_answer_has_no_status() -> None:
    assert str(errors.Unreachable("get pods a/b", "connection refused")) == (
        "get pods a/b: Unreachable: connection refused"
    )


def test_foreign_text_is_cut() -> None:
    error = errors.ServerError("get pods a/b", "x" * 1000, status=500)
    assert len(error.message) == errors.FOREIGN_TEXT_LIMIT
    assert error.message.endswith("...")
