"""Reads a help screen of the layout of cobra (https://github.com/spf13/cobra) and compares it with a recorded table."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hack.cligolden.cases import Help, HelpFlag
from hack.cligolden.compare import RECORDED_NAME, Difference

SECTIONS = ("Usage", "Aliases", "Examples", "Available Commands", "Flags", "Global Flags", "Additional Commands")
FLAG = re.compile(r"\s*(?:-(?P<short>\S), |    )--(?P<name>[\w.-]+)(?: (?P<type>\S+))?(?:\s{2,}(?P<text>.*))?$")
DEFAULT = re.compile(r'\(default (?P<value>"[^"]*"|\[[^]]*\]|[^\s()]+)\)$')


@dataclass(frozen=True, slots=True)
class Screen:
    """What a help screen says."""

    usage: tuple[str, ...]
    aliases: tuple[str, ...]
    commands: tuple[str, ...]
    flags: Mapping[str, HelpFlag]
    global_flags: Mapping[str, HelpFlag]


def parse(text: str) -> Screen:
    """Return what a help screen says; parts that it lacks are empty."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        title = line.removesuffix(":")
        if line.endswith(":") and title in SECTIONS:
            lines = sections.setdefault(title, [])
        elif line and not line[0].isspace():
            lines = []
        elif line.strip():
            lines.append(line)
    aliases = " ".join(line.strip() for line in sections.get("Aliases", ())).split(",")
    return Screen(
        tuple(line.strip() for line in sections.get("Usage", ())),
        tuple(name.strip() for name in aliases if name.strip()),
        tuple(line.split()[0] for line in sections.get("Available Commands", ())),
        _flags(sections.get("Flags", ())),
        _flags(sections.get("Global Flags", ())),
    )


def _flags(lines: Iterable[str]) -> dict[str, HelpFlag]:
    flags = {}
    for line in lines:
        found = FLAG.match(line)
        if found:
            default = DEFAULT.search(found["text"] or "")
            value = default["value"] if default else None
            flags[found["name"]] = HelpFlag(found["name"], found["short"], found["type"] or "bool", value)
    return flags


def compare(expected: Help, text: str, name: str) -> list[Difference]:
    """Return what the screen lacks of the recorded one: all usage lines, aliases, commands and flags; it may have more.

    name: of the program, which stands for the recorded one in usage lines.
    """
    screen = parse(text)
    lacking = [f"usage: recorded is {line!r}, ours are {screen.usage}" for line in _usage(expected, screen, name)]
    lacking += [f"alias {alias}" for alias in expected.aliases if alias not in screen.aliases]
    lacking += [f"command {command}" for command in expected.commands if command not in screen.commands]
    lacking += _lacking("Flags", expected.flags, screen.flags)
    lacking += _lacking("Global Flags", expected.global_flags_beyond_root, screen.global_flags)
    return [Difference("help", "".join(f"- {line}\n" for line in lacking))] if lacking else []


def _usage(expected: Help, screen: Screen, name: str) -> list[str]:
    renamed = [re.sub(rf"^{RECORDED_NAME}\b", name, line) for line in expected.usage]
    return [line for line in renamed if line not in screen.usage]


def _lacking(section: str, expected: Sequence[HelpFlag], flags: Mapping[str, HelpFlag]) -> list[str]:
    lacking = []
    for flag in expected:
        ours = flags.get(flag.name)
        if ours is None:
            lacking.append(f"{section}: no --{flag.name}")
        elif ours != flag:
            lacking.append(f"{section}: recorded is {_form(flag)}, ours {_form(ours)}")
    return lacking


def _form(flag: HelpFlag) -> str:
    short = f"-{flag.shorthand}, " if flag.shorthand else ""
    return f"{short}--{flag.name} {flag.type} (default {flag.default})"
