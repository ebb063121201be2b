from controllers.runtime.reconcile.bounds import add_notes
from controllers.runtime.reconcile.outcome import Ready


def test_notes_stand_behind_the_message_and_without_any_nothing_is_made_anew() -> None:
    outcome = Ready("scanned")
    assert add_notes(outcome, ["", "spec.timeout 1h counts as 10m0s"]).message == (
        "scanned; spec.timeout 1h counts as 10m0s"
    )
    assert add_notes(outcome, ["", ""]) is outcome
