"""`hack.model.choosing`: what the docs say, so that the model does not learn from the product."""

import pytest

from hack.model.choosing import MIN_AGE_SECONDS, Rules, choose

VERSIONS = dict.fromkeys(("1.0.0", "1.1.0", "v1.1.0", "1.2.0-rc.1", "2.0.0", "latest"))


@pytest.mark.parametrize(
    ("rules", "tags", "current", "want"),
    [
        pytest.param(Rules(), VERSIONS, "", "2.0.0", id="greatest-version"),
        pytest.param(Rules(range="1.x"), VERSIONS, "", "v1.1.0", id="of-equals-the-last-in-byte-order"),
        pytest.param(Rules(range=">=1.0.0-0"), {"1.2.0-rc.1": None, "1.1.0": None}, "", "1.2.0-rc.1", id="prerelease"),
        pytest.param(Rules(range="~1.1.0"), {"2.0.0": None}, "", None, id="none-in-range"),
        pytest.param(Rules(kind="alphabetical"), VERSIONS, "", "v1.1.0", id="bytes"),
        pytest.param(Rules(kind="numerical"), {"7": None, "12": None}, "", "12", id="number"),
        pytest.param(Rules(kind="numerical", descending=True), {"7": None, "12": None}, "", "7", id="least-number"),
        pytest.param(Rules(kind="numerical"), {"12": None, "012": None}, "", "012", id="of-equal-numbers-the-least"),
        pytest.param(Rules(kind="numerical"), {"7": None, "x": None}, "", None, id="one-that-is-no-number"),
        pytest.param(
            Rules(kind="keys", filter="branches"), {"main-7": None, "main-12": None, "dev-30": None}, "", "main-12",
            id="branch-then-build",
        ),
        pytest.param(Rules(filter="without v", range="1.x"), VERSIONS, "", "1.1.0", id="of-one-value-the-least-tag"),
        pytest.param(Rules(deny="a tag", range="1.x"), VERSIONS, "", "v1.1.0", id="denied"),
        pytest.param(Rules(allow_downgrade=False), {"1.0.0": None}, "1.1.0", "1.1.0", id="kept"),
        pytest.param(Rules(allow_downgrade=False, deny="a tag"), {"1.0.0": None}, "1.1.0", "1.0.0", id="not-kept"),
        pytest.param(Rules(kind="newest"), {"a": 5, "b": None}, "", "a", id="found-last"),
        pytest.param(Rules(min_age=True), {"1.0.0": None, "2.0.0": 5}, "", "1.0.0", id="too-young"),
    ],
)  # fmt: skip
def test_choice(rules: Rules, tags: dict[str, int | None], current: str, want: str | None) -> None:
    assert choose(tags, rules, now=MIN_AGE_SECONDS, current=current) == want
