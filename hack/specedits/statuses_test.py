from typing import Any

from hack.specedits.statuses import differs, is_ready

STALLED = [{"type": "Stalled", "status": "True"}, {"type": "Ready", "status": "False"}]
READY = [{"type": "Ready", "status": "True"}]


def status(conditions: list[dict[str, str]], tag: str) -> dict[str, Any]:
    return {"conditions": conditions, "latestRef": {"tag": tag}}


def test_what_stands_before_ready_does_not_make_it_true() -> None:
    assert [is_ready(status(conditions, "1")) for conditions in (READY, STALLED, [])] == [True, False, False]


def test_only_results_of_an_object_that_works_have_to_be_of_the_present() -> None:
    assert differs(status(READY, "1"), status(READY, "2"))
    assert not differs(status(STALLED, "1"), status(STALLED, "2"))
    assert differs(status(READY, "1"), status(STALLED, "1"))
