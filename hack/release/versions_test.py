"""The version is the same everywhere, and where it is not, it is said."""

import re
import shutil
from pathlib import Path

import pytest

from api.version import VERSION
from hack.release.versions import ROOT, notes, problems, section

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\nTo become {0}.\n\n- new\n\n## [{1}] - 2026-01-02\n\n### Added\n\n- old\n"
NEXT, LAST = VERSION, "0.0.9"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "manifests/chart/Chart.yaml",
        "manifests/components/receiver/deployment.yaml",
        "manifests/controller/deployment.yaml",
        "manifests/install.yaml",
        "Dockerfile",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format(NEXT, LAST))
    return tmp_path


def edit(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


def test_all_places_agree() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        pytest.param("manifests/chart/Chart.yaml", "appVersion: ", "appVersion: 9.", "appVersion in", id="chart"),
        pytest.param("manifests/install.yaml", f":v{VERSION}", ":v9.9.9", "v9.9.9, not", id="install"),
        pytest.param("manifests/controller/deployment.yaml", f":v{VERSION}", ":v9", "controller/deployment", id="base"),
        pytest.param(
            "manifests/components/receiver/deployment.yaml", f":v{VERSION}", ":v9", "receiver/", id="component"
        ),
        pytest.param("CHANGELOG.md", "To become", "Perhaps", "neither a section", id="changelog"),
    ],
)
def test_a_place_that_does_not_agree_is_named(root: Path, name: str, old: str, new: str, said: str) -> None:
    assert problems(root) == []
    edit(root, name, old, new)
    (problem,) = problems(root)
    assert said in problem


def test_manifests_that_name_no_image_are_no_release(root: Path) -> None:
    for name in ("components/receiver/deployment.yaml", "controller/deployment.yaml", "install.yaml"):
        edit(root, f"manifests/{name}", "/tagline:v", "/renamed:v")
    (problem,) = problems(root)
    assert problem.startswith("no file of manifests/ names the image")


def test_a_release_needs_its_tag_and_a_section_with_a_date(root: Path) -> None:
    assert problems(root, tag=f"v{VERSION}") == [f"CHANGELOG.md has no section [{VERSION}]"]
    edit(root, "CHANGELOG.md", f"[{LAST}] - 2026-01-02", f"[{VERSION}]")
    assert problems(root, tag=f"v{VERSION}") == [f"CHANGELOG.md has no date behind [{VERSION}]"]
    edit(root, "CHANGELOG.md", f"[{VERSION}]\n", f"[{VERSION}] - 2026-01-02\n")
    assert problems(root, tag=f"v{VERSION}") == []
    assert problems(root, tag="v9.9.9") == [f"the tag v9.9.9 is not v{VERSION}, the version in api/version.py"]


def test_notes_are_the_section_of_the_version_or_what_is_to_become_it(root: Path) -> None:
    assert notes(root) == f"To become {VERSION}.\n\n- new\n"
    edit(root, "CHANGELOG.md", f"[{LAST}]", f"[{VERSION}]")
    assert notes(root) == "### Added\n\n- old\n"
    with pytest.raises(KeyError):
        section((root / "CHANGELOG.md").read_text(), "9.9.9")


def test_every_version_in_the_changelog_has_a_form_that_helm_and_pip_take() -> None:
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in ("Unreleased", VERSION)
    assert all(re.fullmatch(r"Unreleased|\d+\.\d+\.\d+", heading) for heading in headings)
