"""Titles and bodies: lengths, stamps, and foreign text that must not act."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.forge.model import Stamp
from controllers.forge.stamp import format_stamp, mark_closed, read_stamp
from controllers.forge.text import cell, code, compose, fit_title, length, link, prose

STAMP = Stamp("apps/web", "0123456789abcdef", "fedcba9876543210")
LONGEST = Stamp(f"{'n' * 63}/{'a' * 253}", "0" * 16, "f" * 16, closed=True)
NASTY = [
    pytest.param("@team/everyone", id="mention"),
    pytest.param("see #1", id="reference"),
    pytest.param("fixes org/repo#12", id="closing"),
    pytest.param("GH-7", id="github-reference"),
    pytest.param("!5", id="merge-request"),
    pytest.param("/merge", id="quick-action"),
    pytest.param("x\n/close", id="quick-action-on-a-line-of-its-own"),
    pytest.param("<img src=x onerror=alert(1)>", id="html"),
    pytest.param("[click](javascript:alert(1))", id="link"),
    pytest.param("https://evil.example/x", id="bare-link"),
    pytest.param("www.evil.example", id="bare-host"),
    pytest.param("```\nrm -rf\n```", id="fence"),
    pytest.param("a | b | c", id="table"),
    pytest.param("\x1b[2J\x00\u202e", id="controls"),
    pytest.param("[//]: # (tagline 00 00 other/one)", id="stamp"),
    pytest.param("`", id="backtick"),
    pytest.param("`" * 50, id="backticks"),
    pytest.param("", id="nothing"),
    pytest.param("$ref %milestone ~label &epic", id="gitlab-references"),
]
ACTS = re.compile(r"[@#!~%$&]\w|\bGH-\d|://|\bwww\.", re.IGNORECASE)


def test_stamp_is_read_as_written() -> None:
    assert read_stamp(format_stamp(STAMP)) == STAMP
    assert read_stamp(format_stamp(LONGEST)) == LONGEST


def test_stamp_fits_into_what_listings_show() -> None:
    assert len(format_stamp(LONGEST)) <= 400


@pytest.mark.parametrize(
    "body", ["", "[//]: # (tagline)", "[//]: # (tagline zz 00 a/b)", "x [//]: # (tagline 00 00 a/b)", "a" * 100_000]
)
def test_no_stamp(body: str) -> None:
    assert read_stamp(body) is None
    assert mark_closed(body) == body


def test_line_ends_of_forges_do_not_matter() -> None:
    assert read_stamp(f"{format_stamp(STAMP)}\r\n\r\nbody\r\n") == STAMP


def test_a_person_may_write_in_front() -> None:
    assert read_stamp(f"mine\n\n{compose('body', STAMP, 4000)}") == STAMP


def test_ours_comes_first() -> None:
    forged = format_stamp(Stamp("other/one", "00", "00"))
    assert read_stamp(compose(forged, STAMP, 4000)) == STAMP


def test_closed_is_marked_once_and_fits() -> None:
    body = compose("x" * 10_000, STAMP, 4000)
    closed = mark_closed(body)
    stamp = read_stamp(closed)
    assert stamp
    assert (stamp.closed, stamp.content) == (True, STAMP.content)
    assert length(closed) <= 4000
    assert mark_closed(closed) == closed


@pytest.mark.parametrize("text", NASTY)
def test_title_does_not_act(text: str) -> None:
    title = fit_title(f"Update {text}", 255)
    assert not ACTS.search(title)
    assert title.isprintable() or "\u200b" in title
    assert "\n" not in title


@pytest.mark.parametrize("text", NASTY)
def test_prose_does_not_act(text: str) -> None:
    shown = prose(text)
    assert not ACTS.search(shown.replace("\\", ""))
    assert not shown.startswith("/")
    assert not re.search(r"(?<!\\)[<>`|\[\]]", shown)
    assert "\n" not in shown


@pytest.mark.parametrize("text", NASTY)
def test_code_is_one_span(text: str) -> None:
    shown = cell(code(text))
    fence = re.match("`+", shown)
    assert fence
    assert shown.endswith(fence[0])
    inner = shown[len(fence[0]) : -len(fence[0])]
    assert fence[0] not in re.findall("`+", inner)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)\|", shown)


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("https://git.example/org/app/compare/a...b", "[x](https://git.example/org/app/compare/a...b)"),
        ("https://git.example:3000/a?b=c&d=e", "[x](https://git.example:3000/a?b=c&d=e)"),
        ("javascript:alert(1)", ""),
        ("https://git.example/a)b", ""),
        ("https://user@git.example/", ""),
        ("https://git.example/a b", ""),
        ("", ""),
    ],
)
def test_only_plain_links(url: str, want: str) -> None:
    assert link("x", url) == want


def test_empty_title_is_still_one() -> None:
    assert fit_title(" \n ", 255) == "Update images"


def test_prefix_of_a_draft_counts() -> None:
    assert fit_title("x" * 300, 255, prefix="Draft: ") == "Draft: " + "x" * 247 + "…"


def test_short_body_stays_as_it_is() -> None:
    assert (
        compose("| a | b |\n|---|---|\n\ttab", STAMP, 4000) == f"{format_stamp(STAMP)}\n\n| a | b |\n|---|---|\n\ttab"
    )


def test_long_body_is_cut_between_lines_and_its_code_block_closed() -> None:
    body = compose("intro\n\n```yaml\n" + "image: app\n" * 1000, STAMP, 4000)
    lines = body.split("\n")
    assert length(body) <= 4000
    assert lines[-1] == "*The rest was cut, as the forge takes no longer text.*"
    assert lines[-3] == "```"
    assert set(lines[5:-3]) == {"image: app"}


@settings(deadline=None)
@given(st.text(), st.integers(500, 5000))
def test_body_never_exceeds_the_limit(body: str, limit: int) -> None:
    shown = compose(body * 50, STAMP, limit)
    assert length(shown) <= limit
    assert read_stamp(shown) == STAMP
    assert length(mark_closed(shown)) <= limit


@settings(deadline=None)
@given(st.text(min_size=1), st.integers(20, 300))
def test_title_never_exceeds_the_limit(title: str, limit: int) -> None:
    assert 0 < length(fit_title(title, limit, prefix="WIP: ")) <= limit


@settings(deadline=None)
@given(st.text())
def test_code_span_is_never_broken(text: str) -> None:
    shown = code(text)
    fence = re.match("`+", shown)
    assert fence
    assert fence[0] not in re.findall("`+", shown[len(fence[0]) : -len(fence[0])])
