"""The generated page: fresh, complete, and stale where a type says something else."""

import re
from pathlib import Path

import pytest

from hack import reference
from hack.crds.definition import KINDS
from hack.crds.openapi import struct_schema


def test_page_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check"]) == 0, capsys.readouterr().out


def test_every_field_of_spec_and_status_has_a_row_with_words() -> None:
    page = reference.page()
    for kind, definition in KINDS.items():
        section = page.partition(f"\n## {definition.kind}\n")[2].partition("\n## ")[0]
        schema = struct_schema(kind, definition.versions[-1])
        wanted = [row.path for row in reference.rows(schema, "") if row.path.startswith(("spec.", "status."))]
        described = re.findall(r"^\| `(\S+)` \| [^|]+ \| .* \| (?=\S)", section, re.MULTILINE)
        assert [path for path in wanted if path not in described] == []


def test_stale_page_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "reference.md"
    monkeypatch.setattr(reference, "PAGE", page)
    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    page.write_text(page.read_text().replace("| string |", "| text |", 1))
    capsys.readouterr()
    assert reference.main(["--check"]) == 1
    assert "| text |" in capsys.readouterr().out
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("| `spec.image` | string | **required** | Address of the image", id="required"),
        pytest.param(
            "| `spec.provider` | string | default `generic`; one of `generic`, `aws`, `azure`, `gcp` |", id="enum"
        ),
        pytest.param("| `spec.accessFrom.namespaceSelectors[].matchLabels{}` | map to string |", id="nested"),
        pytest.param("| `status.lastScanResult.scanTime` | time |", id="time"),
        pytest.param("Rule: spec.interval must be set when", id="rule"),
        pytest.param("- `spec.exclusionList[]`: nothing", id="less-in-an-older-version"),
        pytest.param("LATESTIMAGE, READY, STATUS, AGE, IMAGE (with -o wide)", id="columns"),
    ],
)
def test_page_says(line: str) -> None:
    assert line in reference.page()
