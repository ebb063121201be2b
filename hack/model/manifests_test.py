from typing import Any

import pytest

from hack.model.manifests import find_lies


def obj(*conditions: tuple[str, str], of: int = 2, seen: int = 2, message: str = "", **spec: Any) -> dict[str, Any]:
    listed = [{"type": t, "status": s, "message": message, "observedGeneration": of} for t, s in conditions]
    return {
        "kind": "ImagePolicy",
        "metadata": {"name": "app", "uid": "u", "resourceVersion": "7", "generation": 2},
        "spec": spec,
        "status": {"observedGeneration": seen, "conditions": listed},
    }


READY, FAILED = ("Ready", "True"), ("Ready", "False")
RETRIED, STALLED = ("Reconciling", "True"), ("Stalled", "True")


@pytest.mark.parametrize(
    "honest",
    [
        obj(READY),
        obj(RETRIED, FAILED, seen=1),
        obj(STALLED, FAILED),
        obj(READY, of=1, seen=1, suspend=True),
        obj(),
    ],
)
def test_what_can_be(honest: dict[str, Any]) -> None:
    assert list(find_lies(honest)) == []


@pytest.mark.parametrize(
    ("lie", "text"),
    [
        (obj(READY, seen=3), "3 is ahead of generation 2"),
        (obj(READY, seen=3, suspend=True), "3 is ahead of generation 2"),
        (obj(READY, RETRIED), "Ready beside Reconciling or Stalled"),
        (obj(FAILED), "not Ready, and neither Reconciling nor Stalled"),
        (obj(FAILED, RETRIED, STALLED), "Reconciling and Stalled at the same time"),
        (obj(FAILED, RETRIED, of=1), "Ready is of generation 1, not of 2"),
        (obj(FAILED, STALLED, seen=1), "the end of generation 2 is reached, and observedGeneration is 1"),
        (obj(READY, message="x" * 1025), "Ready has 1025 bytes"),
    ],
)
def test_what_cannot_be(lie: dict[str, Any], text: str) -> None:
    assert any(text in found for found in find_lies(lie))
