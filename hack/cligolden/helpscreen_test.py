import pytest

from hack.cligolden.cases import Help, HelpFlag
from hack.cligolden.helpscreen import compare, parse

SCREEN = """Shows logs.

⚠️  Note: in preview.

Usage:
  prog logs [flags]
  prog logs [command]

Aliases:
  logs, log

Examples:
  # follow
  prog logs --follow

Available Commands:
  all         Show all
  one         Show one

Flags:
  -A, --all-namespaces          in all namespaces
      --components strings      list (default [a,b])
      --kind string             of which kind (default "all") or (none)
      --level debug|info        log level (default info)
      --tail int                lines (default -1)

Global Flags:
  -n, --namespace string   the namespace (default "flux-system")

Use "prog logs [command] --help" for more information about a command.
"""
FLAGS = {
    "all-namespaces": HelpFlag("all-namespaces", "A", "bool", None),
    "components": HelpFlag("components", None, "strings", "[a,b]"),
    "kind": HelpFlag("kind", None, "string", None),
    "level": HelpFlag("level", None, "debug|info", "info"),
    "tail": HelpFlag("tail", None, "int", "-1"),
}
GLOBAL = HelpFlag("namespace", "n", "string", '"flux-system"')


def test_all_parts_of_a_screen_are_read() -> None:
    screen = parse(SCREEN)
    assert screen.usage == ("prog logs [flags]", "prog logs [command]")
    assert screen.aliases == ("logs", "log")
    assert screen.commands == ("all", "one")
    assert screen.flags == FLAGS
    assert screen.global_flags == {"namespace": GLOBAL}


def test_a_screen_that_has_more_than_the_recorded_one_is_like_it() -> None:
    expected = Help(("flux logs [flags]",), (FLAGS["tail"],), (GLOBAL,), ("log",), ("one",))
    assert compare(expected, SCREEN, "prog") == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (Help(("flux logs",), (), ()), "usage"),
        (Help(("logs [flags]",), (), ()), "usage"),
        (Help((), (), (), aliases=("lg",)), "alias lg"),
        (Help((), (), (), commands=("two",)), "command two"),
        (Help((), (HelpFlag("taill", None, "int", "-1"),), ()), "no --taill"),
        (Help((), (HelpFlag("tail", "t", "int", "-1"),), ()), "-t, --tail"),
        (Help((), (HelpFlag("tail", None, "string", "-1"),), ()), "--tail string"),
        (Help((), (HelpFlag("tail", None, "int", None),), ()), "(default None)"),
        (Help((), (HelpFlag("kind", None, "string", "all"),), ()), "(default all)"),
        (Help((), (GLOBAL,), ()), "Flags: no --namespace"),
        (Help((), (), (FLAGS["tail"],)), "Global Flags: no --tail"),
    ],
)
def test_what_a_screen_lacks_is_told(expected: Help, said: str) -> None:
    [difference] = compare(expected, SCREEN, "prog")
    assert said in difference.text


def test_a_text_without_sections_lacks_all() -> None:
    assert compare(Help(("flux x",), (), ()), "✗ error\n", "prog")
