"""What `status.lastScanResult.latestTags` shows in each order."""

import pytest

from api.imagerepository import LatestTags
from controllers.imagerepository.latest_tags import rank_tags

TAGS = sorted(["v1.9.0", "1.10.0", "1.10.0-rc.1", "latest", "main-abc", "1.2", "0.9.0", "zz"], reverse=True)
SEEN = dict.fromkeys(TAGS) | {"0.9.0": 300, "main-abc": 200, "zz": 200}


@pytest.mark.parametrize(
    ("wanted", "want"),
    [
        pytest.param(None, tuple(TAGS), id="default-is-that-of-flux"),
        pytest.param(LatestTags(count=2), ("zz", "v1.9.0"), id="alphabetical"),
        pytest.param(
            LatestTags(count=4, order="semver"), ("1.10.0", "1.10.0-rc.1", "v1.9.0", "0.9.0"), id="semver-by-version"
        ),
        pytest.param(
            LatestTags(order="semver"),
            ("1.10.0", "1.10.0-rc.1", "v1.9.0", "0.9.0", "zz", "main-abc", "latest", "1.2"),
            id="semver-then-what-is-no-version",
        ),
        pytest.param(LatestTags(count=3, order="firstSeen"), ("0.9.0", "zz", "main-abc"), id="last-that-came"),
        pytest.param(
            LatestTags(count=5, order="firstSeen"),
            ("0.9.0", "zz", "main-abc", "v1.9.0", "latest"),
            id="then-those-of-unknown-age",
        ),
        pytest.param(LatestTags(count=100, order="firstSeen"), None, id="more-than-there-are"),
    ],
)
def test_latest_tags(wanted: LatestTags | None, want: tuple[str, ...] | None) -> None:
    found = rank_tags(TAGS, wanted, SEEN)
    assert (found == want) if want is not None else (sorted(found, reverse=True) == TAGS)


def test_only_ten_are_shown_by_default() -> None:
    assert rank_tags([f"{n:02}" for n in range(30, 0, -1)], None, {}) == tuple(f"{n:02}" for n in range(30, 20, -1))


def test_tags_of_charts_are_versions() -> None:
    tags = ["latest", "1.2.0_build.7", "1.10.0_build.1"]
    assert rank_tags(tags, LatestTags(order="semver"), {}) == ("1.10.0_build.1", "1.2.0_build.7", "latest")


def test_equal_versions_stay_in_the_order_of_bytes() -> None:
    tags = ["v1.0.0", "1.0.0+b", "1.0.0+a", "1.0.0"]
    assert rank_tags(tags, LatestTags(count=2, order="semver"), {}) == ("v1.0.0", "1.0.0+b")
