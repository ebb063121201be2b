"""`manifests/components/monitoring`: alerts that are tested, entries of the runbook, files that are up to date."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.env.tools import find_built
from hack.monitoring.__main__ import FOLDER, files
from hack.monitoring.panels import list_queries

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
SEVERITIES = {"critical", "warning", "info"}
TESTS = Path(__file__).with_name("alerts_test.yaml")

Rules = list[dict[str, Any]]


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yaml").read_text())["spec"]
    return found


@pytest.fixture(scope="module")
def rules(spec: dict[str, Any]) -> Rules:
    return [rule for group in spec["groups"] for rule in group["rules"]]


def test_generated_files_are_up_to_date() -> None:
    assert [path.name for path, text in files().items() if path.read_text() != text] == []


def test_each_alert_says_how_bad_it_is_what_it_means_and_what_to_do(rules: Rules) -> None:
    assert len(rules) >= 10
    for rule in rules:
        name = rule["alert"]
        assert re.fullmatch(r"Tagline([A-Z][a-z]+)+", name)
        assert rule["labels"].keys() == {"severity"}
        assert rule["labels"]["severity"] in SEVERITIES
        notes = rule["annotations"]
        assert notes.keys() == {"summary", "description", "runbook_url"}
        assert all(text.endswith(".") for text in (notes["summary"], notes["description"])), name
        assert "{{" not in notes["summary"], f"{name}: the summary is for all that fire"
        assert notes["runbook_url"].endswith(f"/docs/runbook.md#{name.lower()}")


def test_each_alert_has_an_entry_in_the_runbook_and_each_entry_its_alert(rules: Rules) -> None:
    page = RUNBOOK.read_text()
    entries = re.findall(r"^## (Tagline\w+)$", page, re.MULTILINE)
    assert sorted(entries) == sorted(rule["alert"] for rule in rules)
    bodies = re.split(r"^## ", page, flags=re.MULTILINE)
    for rule in rules:
        (body,) = (one for one in bodies if one.startswith(f"{rule['alert']}\n"))
        assert f"Severity: {rule['labels']['severity']}" in body
        assert "[rule](../manifests/components/monitoring/rules.yaml)" in body
        assert "**Meaning**" in body
        assert "**Do**" in body


def test_each_alert_is_tested_to_fire_and_to_be_silent(rules: Rules) -> None:
    cases = [case for test in yaml.safe_load(TESTS.read_text())["tests"] for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    every = {rule["alert"] for rule in rules}
    assert fires == every
    # These fire in the same case for one series and not for another.
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]} | {"TaglineDown", "TaglineWebhooksMissed"}
    assert silent == every


def test_panels_have_places_of_their_own() -> None:
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"] in list_queries() for panel in panels for target in panel.get("targets", ()))


@pytest.fixture
def promtool() -> str:
    found = find_built("promtool")
    if found is None:
        pytest.skip("promtool is not built: make monitoring does that")
    return str(found)


def test_promtool_finds_the_rules_right_and_they_fire_as_they_should(
    promtool: str, spec: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    (tmp_path / "alerts_test.yaml").write_text(TESTS.read_text())
    for arguments in (["check", "rules", "--lint-fatal", "rules.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run([promtool, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
