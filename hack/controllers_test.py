"""When CRDs count as served, and which processes the scenarios start."""

import json
from pathlib import Path
from typing import Any

import pytest

from hack.controllers import KINDS, not_established


def crd(name: str, status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}} | ({} if status is None else {"status": status})


@pytest.mark.parametrize(
    ("status", "served"),
    [
        pytest.param(None, False, id="no-status-yet"),
        pytest.param({}, False, id="empty-status"),
        pytest.param({"conditions": None}, False, id="no-conditions-yet"),
        pytest.param({"conditions": [{"type": "NamesAccepted", "status": "True"}]}, False, id="names-alone"),
        pytest.param({"conditions": [{"type": "Established", "status": "False"}]}, False, id="refused"),
        pytest.param({"conditions": [{"type": "Established", "status": "True"}]}, True, id="served"),
    ],
)
def test_crd_is_served_once_it_is_established(status: Any, served: bool) -> None:
    assert not_established([crd("things", status)]) == ([] if served else ["things"])


def test_scenarios_start_a_process_for_every_kind() -> None:
    started = json.loads(Path(__file__).with_name("controllers.json").read_text())["controllers"]
    assert tuple(controller["name"] for controller in started) == KINDS
