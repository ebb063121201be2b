"""Which order a tag shows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.adoption.schemes import Level, Scheme, recognise
from controllers.policy import Rules, Selection, TagIndex, select

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def choose(scheme: Scheme, tags: list[str]) -> str:
    selection = select(TagIndex(tuple(tags)), Rules(scheme.policy, scheme.tag_filter), now=NOW)
    assert isinstance(selection, Selection)
    return selection.choice.tag


@pytest.mark.parametrize(
    ("tag", "others", "want"),
    [
        pytest.param("1.4.2", ["1.4.3", "1.10.0", "2.0.0", "1.5.0-rc.1", "latest"], "1.10.0", id="semver"),
        pytest.param("v1.2.3", ["v1.3.0", "v2.0.0", "main"], "v1.3.0", id="semver-with-v"),
        pytest.param("0.3.1", ["0.3.9", "0.4.0", "1.0.0"], "0.3.9", id="zero-version-takes-patches"),
        pytest.param("1.5.0-rc.1", ["1.4.9", "1.5.0-rc.2", "2.0.0-rc.1"], "1.5.0-rc.2", id="prerelease"),
        pytest.param("1.25-alpine", ["1.27-alpine", "1.29", "1.28.1-alpine"], "1.27-alpine", id="variant"),
        pytest.param("1.25.3-alpine3.18", ["1.25.4-alpine3.18", "1.26.0-alpine3.19"], "1.25.4-alpine3.18", id="base"),
        pytest.param("1.25", ["1.9", "1.27", "1.28.1", "1"], "1.27", id="two-numbers"),
        pytest.param("1.2.3.4", ["1.2.3.10", "1.2.3.9", "2.0.0.0"], "1.2.3.10", id="four-numbers"),
        pytest.param("16.2.0-debian-12-r5", ["16.2.0-debian-12-r10"], "16.2.0-debian-12-r10", id="r"),
        pytest.param("1.2.3-9", ["1.2.3-10", "1.2.2-99"], "1.2.3-10", id="revision"),
        pytest.param("v1.2.3-5-gabcdef1", ["v1.2.3-12-g1234567", "v1.2.3"], "v1.2.3-12-g1234567", id="git-describe"),
        pytest.param("release-1.2.3", ["release-1.3.0", "1.9.0"], "release-1.3.0", id="prefix"),
        pytest.param("main-a1b2c3d-1700000000", ["main-b2c3d4e-1700000001", "dev-b2c3d4e-1800000000"],
                     "main-b2c3d4e-1700000001", id="branch-sha-time"),
        pytest.param("main-1700000000-a1b2c3d", ["main-1700000001-0000000"], "main-1700000001-0000000", id="time-sha"),
        pytest.param("main-99-a1b2c3d", ["main-100-ffffff1"], "main-100-ffffff1", id="number-sha"),
        pytest.param("main-20240131-235959", ["main-20240201-000000"], "main-20240201-000000", id="day-time"),
        pytest.param("build-99", ["build-100", "build-latest"], "build-100", id="build-number"),
        pytest.param("1234", ["1235", "999", "latest"], "1235", id="number"),
        pytest.param("2024.01.31", ["2024.10.1", "2025.1.2", "latest"], "2025.1.2", id="calver"),
        pytest.param("2024-01-31", ["2024-02-01", "2023-12-31", "nightly"], "2024-02-01", id="iso-date"),
        pytest.param("20240131", ["20240201", "20231231"], "20240201", id="compact-date"),
        pytest.param("24.04", ["24.10", "22.04", "26.04"], "26.04", id="year-month"),
        pytest.param("RELEASE.2024-01-31T20-20-33Z", ["RELEASE.2024-02-01T00-00-00Z", "latest"],
                     "RELEASE.2024-02-01T00-00-00Z", id="prefix-and-time"),
        pytest.param("latest", ["1.0.0", "stable"], "latest", id="latest"),
        pytest.param("16", ["17", "16.2"], "16", id="major"),
        pytest.param("22-bookworm-slim", ["24-bookworm-slim"], "22-bookworm-slim", id="major-variant"),
    ],
)  # fmt: skip
def test_the_newest_of_a_kind_is_chosen(tag: str, others: list[str], want: str) -> None:
    recognition = recognise(tag)
    assert recognition is not None
    assert choose(recognition.scheme, [tag, *others]) == want
    assert recognition.reason


@pytest.mark.parametrize("tag", ["a1b2c3d", "main-a1b2c3d", "sha-0a1b2c3d4e5f"])
def test_commits_have_no_order(tag: str) -> None:
    assert recognise(tag) is None


@pytest.mark.parametrize(
    ("level", "want"),
    [(Level.PATCH, "1.4.9"), (Level.MINOR, "1.9.0"), (Level.MAJOR, "3.0.0")],
)
def test_levels(level: Level, want: str) -> None:
    recognition = recognise("1.4.2", level=level)
    assert recognition is not None
    assert choose(recognition.scheme, ["1.4.2", "1.4.9", "1.9.0", "3.0.0"]) == want


@pytest.mark.parametrize(
    ("tag", "digest", "want"),
    [("", False, "Always"), ("latest", True, "Always"), ("1.2.3", True, "IfNotPresent"), ("1.2.3", False, "Never")],
)
def test_digests(tag: str, digest: bool, want: str) -> None:
    recognition = recognise(tag, digest=digest)
    assert recognition is not None
    assert recognition.scheme.digest == want


def test_templates_are_safe_from_post_build_substitution() -> None:
    for tag in ("1.25", "1.25-alpine", "1.2.3.4", "main-a1b2c3d-1700000000"):
        recognition = recognise(tag)
        assert recognition is not None
        assert recognition.scheme.tag_filter is not None
        assert "${" not in recognition.scheme.tag_filter.extract


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,40}", fullmatch=True))
def test_a_tag_is_a_candidate_of_its_own_policy(tag: str) -> None:
    recognition = recognise(tag)
    if recognition is not None:
        assert choose(recognition.scheme, [tag]) == tag
