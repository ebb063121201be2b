"""The blocks of a page: fenced code, and the directives in comments above it, which a reader does not see.

`<!-- not executed: reason -->` above a block says why it is not run. `<!-- play: … -->` on a line of its own is a step
of the page's story that happens elsewhere; see `hack.pages.world`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
GENERATED: Final = ("docs/api", "docs/commands", "docs/receiver.md")

_FENCE = re.compile(r"```(\w*)")
_NOT_EXECUTED = re.compile(r"<!-- not executed: (.+) -->")
_PLAY = re.compile(r"<!-- play: (.+) -->")
_FILE_NAME = re.compile(r"(?:#|//) ([\w./-]*[/.][\w./-]*)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    """Path from the root of the repository."""
    line: int
    """Of its first line, from 1."""
    language: str
    body: str
    reason: str = ""
    """Why it is not executed, as the page itself says; "" where it is."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.page}:{self.line}"

    @property
    def file_name(self) -> str:
        """The file that it is, as its first line says: `# apps/web.yaml`; else ""."""
        found = _FILE_NAME.match(self.body)
        return found[1] if found and self.language else ""

    @property
    def is_dialogue(self) -> bool:
        """True for a command behind `$ ` with its answer below."""
        return self.language in ("", "text") and self.body.startswith("$ ")


@dataclass(frozen=True, slots=True)
class Directive:
    """What happens at this point of the story."""

    page: str
    line: int
    words: tuple[str, ...]


def all_pages() -> list[str]:
    """Return the paths of all pages that people write or read, from the root of the repository."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


@cache
def read_page(page: str) -> tuple[Block | Directive, ...]:
    """Return what a page has, in its order. Raises ValueError for a block that does not end."""
    return tuple(_parse(page, (ROOT / page).read_text().splitlines(keepends=True)))


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page."""
    return [part for part in read_page(page) if isinstance(part, Block)]


def blocks_below(page: str, heading: str) -> list[Block]:
    """Return the blocks between a heading, without its `#`, and the next one. Raises ValueError without such blocks."""
    lines = (ROOT / page).read_text().splitlines()
    found = []
    blocks = blocks_of(page)
    inside = {block.line + offset for block in blocks for offset in range(block.body.count("\n"))}
    headings = {
        number: line.lstrip("# ")
        for number, line in enumerate(lines, 1)
        if re.match(r"#+ ", line) and number not in inside
    }
    for block in blocks:
        current = next((headings[number] for number in range(block.line, 0, -1) if number in headings), "")
        if current == heading:
            found.append(block)
    if not found:
        raise ValueError(f"{page} has no blocks below {heading!r}")
    return found


def _parse(page: str, lines: list[str]) -> Iterator[Block | Directive]:
    number, reason = 0, ""
    while number < len(lines):
        line = lines[number].strip()
        number += 1
        if found := _FENCE.fullmatch(line):
            begin = number
            while number < len(lines) and lines[number].rstrip() != "```":
                number += 1
            if number == len(lines):
                raise ValueError(f"{page}:{begin}: the block does not end")
            yield Block(page, begin + 1, found[1], "".join(lines[begin:number]), reason)
            number += 1
            reason = ""
        elif found := _PLAY.fullmatch(line):
            yield Directive(page, number, tuple(found[1].split()))
        elif found := _NOT_EXECUTED.fullmatch(line):
            reason = found[1]
        elif line:
            reason = ""
