"""What reading the configuration of another tool gives, and how its ways to write patterns become ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from controllers.adoption.instructions import Instruction


@dataclass(frozen=True, slots=True)
class Note:
    """Something that could not be carried over, or only in part."""

    file: str
    line: int
    message: str


@dataclass(slots=True)
class Carried:
    """What the files of a repository say in another tool's words."""

    instructions: list[Instruction] = field(default_factory=list)
    """The first that fits an image counts."""
    notes: list[Note] = field(default_factory=list)

    def note(self, file: str, line: int, what: str, why: str) -> None:
        """Say that something was not carried over."""
        self.notes.append(Note(file, line, f"{what} is not carried over: {why}"))


def glob_to_regexp(glob: str) -> str:
    """Return the regular expression of a glob over tags."""
    parts = {"*": ".*", "?": "."}
    return f"^{''.join(parts.get(char) or re.escape(char) for char in glob)}$"


def split_list(text: str) -> Iterator[str]:
    """Yield the items of a list with commas."""
    yield from (item.strip() for item in text.split(",") if item.strip())
