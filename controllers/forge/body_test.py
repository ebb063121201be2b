"""The default text: what it shows, and that nothing foreign in it acts."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.forge.body import Row, default_body, default_title

WEB = Row(
    "ghcr.io/org/web",
    "1.0.0",
    "1.1.0",
    "apps/web",
    "newest version in the range ^1.0.0",
    "https://github.com/org/web/compare/a1...b2",
    ("apps/web.yaml",),
)


def test_table_reasons_files_and_findings() -> None:
    body = default_body([WEB], automation="apps/fleet", findings=["apps/old.yaml:3: no policy apps:gone"])
    assert body == (
        "| Image | From | To | Changes |\n"
        "|---|---|---|---|\n"
        "| `ghcr.io/org/web` | `1.0.0` | `1.1.0` | [compare](https://github.com/org/web/compare/a1...b2) |\n"
        "\n"
        "- `apps/web`: newest version in the range \\^1\\.0\\.0\n"
        "\n"
        "Files: `apps/web.yaml`\n"
        "\n"
        "Left alone:\n"
        "\n"
        "- apps\\/old\\.yaml\\:3\\: no policy apps\\:gone\n"
        "\n"
        "Made by the ImageUpdateAutomation `apps/fleet`. It updates this pull request in place; commits of others on "
        "its branch make it leave the pull request alone.\n"
    )


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        pytest.param([WEB, WEB], "Update web to 1.1.0", id="one"),
        pytest.param([WEB, Row("ghcr.io/org/web", "1", "2")], "Update web", id="one-image-two-tags"),
        pytest.param([WEB, Row("api", "1", "2")], "Update 2 images", id="two"),
        pytest.param([], "Update 0 images", id="none"),
    ],
)
def test_title(rows: list[Row], title: str) -> None:
    assert default_title(rows) == title


def test_many_rows_are_counted() -> None:
    body = default_body([WEB] * 250, automation="apps/fleet", findings=["x"] * 60)
    assert "and 50 more." in body
    assert "- and 10 more\n" in body


hostile = st.text() | st.sampled_from(["@team", "#1", "a|b", "`|`", "```", "\n/merge", "<b>", "](x)", "https://x.y"])


@settings(deadline=None)
@given(st.lists(st.tuples(hostile, hostile, hostile), min_size=1, max_size=4), hostile, hostile)
def test_foreign_text_stays_in_its_place(changes: list[tuple[str, str, str]], reason: str, finding: str) -> None:
    rows = [Row(image, old, new, "a/b", reason, new, (old,)) for image, old, new in changes]
    lines = default_body(rows, automation="apps/fleet", findings=[finding]).split("\n")
    table = lines[2 : 2 + len(rows)]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in table)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(lines))
    assert not re.search(r"@\w|#\d|(?<!\\)<|^/\w", outside, re.MULTILINE)
