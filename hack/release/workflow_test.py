"""`.github/workflows`: the release workflow runs what is here, with pinned actions and no right too many."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from hack.release.artifacts import CHECKSUMS, NOTES
from hack.release.versions import ROOT

PATH = ROOT / ".github" / "workflows" / "release.yaml"
TEXT = PATH.read_text()
WORKFLOW: dict[str, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
RIGHTS = {
    "files": {"contents": "read"},
    "image": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
    "chart": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
    "pypi": {"id-token": "write"},
    "release": {"contents": "write", "id-token": "write", "attestations": "write"},
}


def scripts() -> list[str]:
    return [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]


def test_actions_are_pinned_by_commit_and_say_which_version_that_is() -> None:
    used = re.findall(r"uses: (.*)", TEXT)
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []
    commits: dict[str, set[str]] = {}
    for one in used:
        commits.setdefault(one.partition("@")[0], set()).add(one)
    assert [name for name, found in commits.items() if len(found) > 1] == []


def test_each_job_has_the_rights_that_it_needs_and_no_other() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == RIGHTS
    assert [name for name, job in JOBS.items() if "timeout-minutes" not in job] == []


def test_jobs_that_publish_wait_for_an_approval_and_for_all_checks() -> None:
    def waits_for(name: str) -> set[str]:
        needs = JOBS[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*map(waits_for, direct)) if direct else direct

    for name, job in JOBS.items():
        if "write" in job["permissions"].values():
            assert "files" in waits_for(name)
            assert job["environment"] in ("pypi", "release")
    assert ".ci/run" in [script.strip() for script in scripts()]


def test_checkouts_leave_no_token_behind() -> None:
    checkouts = [step for job in JOBS.values() for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_what_a_script_is_given_comes_through_its_environment() -> None:
    assert [script for script in scripts() if "${{" in script] == []


def test_commands_of_this_repository_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = " ".join(scripts())
    assert set(re.findall(r"\bmake ([a-z-]+)", words)) <= targets
    modules = set(re.findall(r"-m (hack[.\w]*)", words))
    assert modules == {"hack.release", "hack.env"}
    assert CHECKSUMS in words
    assert NOTES in words


def test_build_arguments_are_those_of_the_dockerfile() -> None:
    known = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    named = set(re.findall(r'--build-arg "(\w+)=', TEXT))
    assert "PYTHON_IMAGE" in named
    assert named - known - {"VERSION", "REVISION", "CREATED", "SOURCE_DATE_EPOCH"} == set()


@pytest.mark.parametrize("job", ["image", "chart", "pypi", "release"])
def test_what_has_never_been_run_says_so(job: str) -> None:
    above = TEXT.partition(f"\n  {job}:\n")[0].splitlines()[-1]
    assert above.startswith("  # NOT RUN")
    assert Path(PATH).name == "release.yaml"
