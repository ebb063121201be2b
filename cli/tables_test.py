"""Tables, for programs and for people."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cli.tables import Tables, format_plain
from cli.terminal import Terminal, cut, open_terminal, width_of

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HEADER = ("Name", "Last scan", "Ready", "Message")
ROWS = [
    ("podinfo", "2026-01-05T11:57:00Z", "True", "successful scan: found 211 tags with checksum 1234567890"),
    ("redis", "", "False", "scan failed:\nUNAUTHORIZED"),
]


def shown(columns: int, *, colored: bool = False, rows: Sequence[tuple[str, ...]] | None = None) -> list[str]:
    table = Tables(HEADER, terminal=Terminal(columns, colored), now=lambda: NOW)
    return "".join(table.format(ROWS if rows is None else rows)).splitlines()


def test_programs_get_padded_columns_with_tabs_and_cells_that_go_on_below() -> None:
    assert list(format_plain(("NAME", "MESSAGE"), [("a", "one\ntwo\n"), ("longer", "x")])) == [
        "NAME  \tMESSAGE \n",
        "a     \tone    \t\n",
        "      \ttwo    \t\n",
        "longer\tx      \t\n",
    ]


def test_programs_get_a_header_without_rows_and_rows_without_header() -> None:
    assert list(format_plain(("NAME", "MESSAGE"), [])) == ["NAME\tMESSAGE \n"]
    assert list(format_plain((), [("a", "bc")])) == ["a\tbc\t\n"]
    assert list(format_plain((), [])) == []


def test_wide_signs_take_two_columns() -> None:
    assert list(format_plain((), [("日本", "x"), ("abcde", "y")])) == ["日本 \tx\t\n", "abcde\ty\t\n"]


def test_what_an_object_says_moves_no_cursor_and_forges_no_column() -> None:
    (line,) = format_plain((), [("a\x1b[2Jb\tc", "d")])
    assert line == "a\\x1b[2Jb\\tc\td\t\n"
    assert "\x1b" not in "".join(shown(120, rows=[("a\x1b[2J", "", "True", "\x1b[31m")]))


def test_people_get_aligned_columns_ages_and_one_line_a_row() -> None:
    assert shown(120) == [
        "NAME     LAST SCAN  READY  MESSAGE",
        "podinfo  3m ago     True   successful scan: found 211 tags with checksum 1234567890",
        "redis               False  scan failed: UNAUTHORIZED",
    ]


def test_messages_are_cut_to_the_width() -> None:
    lines = shown(60)
    assert lines[1] == "podinfo  3m ago     True   successful scan: found 211 tags …"
    assert max(map(width_of, lines)) <= 60


def test_a_message_has_a_line_of_its_own_where_there_is_little_room() -> None:
    assert shown(40) == [
        "NAME     LAST SCAN  READY",
        "podinfo  3m ago     True",
        "  successful scan: found 211 tags with …",
        "redis               False",
        "  scan failed: UNAUTHORIZED",
    ]


def test_each_cell_has_a_line_where_not_even_the_short_ones_fit() -> None:
    rows = [("a-name-that-is-longer-than-the-terminal", "2026-01-05T11:57:00Z", "True", "m" * 60)]
    assert shown(40, rows=rows) == [
        "NAME       a-name-that-is-longer-than-the-terminal",
        "LAST SCAN  3m ago",
        "READY      True",
        f"MESSAGE    {'m' * 28}…",
        "",
    ]


def test_readiness_is_coloured_and_the_header_bold_without_a_change_of_the_alignment() -> None:
    header, podinfo, redis = shown(120, colored=True)
    assert header.startswith("\x1b[1mNAME     LAST SCAN")
    assert "\x1b[32mTrue \x1b[0m  successful" in podinfo
    assert "\x1b[31mFalse\x1b[0m  scan failed" in redis


def test_later_rows_stand_under_the_first_ones() -> None:
    table = Tables(HEADER, terminal=Terminal(120, colored=False), now=lambda: NOW)
    first = "".join(table.format(ROWS)).splitlines()
    (later,) = "".join(table.format([("x", "", "True", "m")])).splitlines()
    assert later.index("True") == first[0].index("READY")
    assert later.index("m") == first[0].index("MESSAGE")


@pytest.mark.parametrize(
    ("environ", "is_tty", "expected"),
    [
        ({"TERM": "xterm"}, True, True), ({"TERM": "dumb"}, True, None), ({}, False, None),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False), ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
    ],
)  # fmt: skip
def test_colours_are_for_terminals_that_may_have_them(
    environ: dict[str, str], is_tty: bool, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_tty)
    terminal = open_terminal(environ)
    assert (terminal and terminal.colored) is expected


def test_what_is_cut_ends_in_dots_and_is_never_wider() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("日本語日本語", 5) == "日本…"
    assert cut("ab", 2) == "ab"
    assert cut("ab", 0) == ""
