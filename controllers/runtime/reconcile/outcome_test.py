import pytest

from controllers.runtime.reconcile.outcome import OnError, Outcome, Retry, Stalled, outcome_of


class Denied(Exception):
    pass


class DeniedForGood(Denied):
    pass


class Unlisted(Denied):
    pass


TABLE: OnError = {
    Denied: lambda error: Retry("Denied", f"failed: {error}"),
    DeniedForGood: lambda error: Stalled("Denied", str(error)),
}


@pytest.mark.parametrize(
    ("error", "want"),
    [
        pytest.param(Denied("no"), Retry("Denied", "failed: no"), id="own-row"),
        pytest.param(DeniedForGood("never"), Stalled("Denied", "never"), id="the-most-specific-row-wins"),
        pytest.param(Unlisted("no"), Retry("Denied", "failed: no"), id="row-of-the-base"),
    ],
)
def test_table(error: Exception, want: Outcome) -> None:
    assert outcome_of(error, TABLE) == want


def test_error_without_a_row_is_raised() -> None:
    error = KeyError("bug")
    with pytest.raises(KeyError) as raised:
        outcome_of(error, TABLE)
    assert raised.value is error
