"""`hack.conformance`: our answers are the recorded ones, and a wrong answer is noticed."""

from copy import deepcopy
from typing import Any

import pytest

from hack.conformance.__main__ import main
from hack.conformance.runner import DATA, RECORDED, Case, difference, families, load_check, read_cases, run_cases

COMPARED = {
    "commit_template": ("message",),
    "commit_template_legacy": ("message",),
    "image_reference": ("canonical", "registry", "repository", "scheme", "identifier", "full_name", "setters"),
    "policy_latest": ("latest",),
    "regexp_extract": ("match", "expanded"),
    "semver_compare": ("major", "string", "flux_error", "compare", "equal"),
    "semver_constraint": ("match", "flux_parse_ok"),
    "setters": ("result",),
    "tag_scan": ("stored", "latestTags", "tagCount", "revision"),
}
"""Fields of `out` in which a family must notice a change."""


def distort(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "x"
        case list():
            return [*value, "x"]
        case dict():
            return {key: distort(inner) for key, inner in value.items()}
        case _:
            return "x"


def mutants(family: str) -> list[tuple[str, Case]]:
    """Yield one case a compared field with that field distorted, and one whose answer became an error."""
    found: dict[str, Case] = {}
    for case in read_cases(DATA / f"{family}.jsonl"):
        out = case.get("out")
        if not out:
            continue
        for field in (field for field in COMPARED[family] if field in out and field not in found):
            found[field] = deepcopy(case)
            found[field]["out"][field] = distort(out[field])
        if "error" not in found:
            found["error"] = {"id": case["id"], "in": case["in"], "error": "no such error", "error_kind": "none"}
    return list(found.items())


def test_every_family_has_data_and_a_recorded_count() -> None:
    assert set(families()) <= set(RECORDED)
    assert {path.stem for path in DATA.glob("*.jsonl")} == set(RECORDED)


@pytest.mark.parametrize("family", families())
def test_answers_are_the_recorded_ones(family: str) -> None:
    result = run_cases(family, DATA / f"{family}.jsonl")
    assert result.differences[:10] == ()
    assert result.cases == RECORDED[family]


@pytest.mark.parametrize("family", families())
def test_a_wrong_answer_is_noticed(family: str) -> None:
    cases = mutants(family)
    assert {name for name, _ in cases} == {*COMPARED[family], "error"}
    check = load_check(family)
    assert [name for name, case in cases if difference(check, case) is None] == []


def test_unknown_family_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense", str(DATA / "tag_scan.jsonl")]) == 2
    report = capsys.readouterr().err
    assert [family for family in families() if family not in report] == []


def test_a_failed_case_ends_with_status_1(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    path = tmp_path / "tag_scan.jsonl"
    path.write_text('{"id": "one", "in": {"tags": ["a"], "exclusionList": null}, "out": {"stored": ["b"]}}\n')
    assert main(["tag_scan", str(path)]) == 1
    assert "tag_scan: 0 passed, 1 failed" in capsys.readouterr().out


def test_a_folder_with_lines_missing_does_not_pass(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    first = (DATA / "tag_scan.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "tag_scan.jsonl").write_text(first + "\n", encoding="utf-8")
    assert main(["all", str(tmp_path)]) == 1
    assert "1 cases, recorded are 150" in capsys.readouterr().out
