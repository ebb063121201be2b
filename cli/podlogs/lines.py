"""Lines of a controller's log: which are wanted, and how they are shown."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from cli.terminal import Terminal
from controllers.net.foreign_text import escape_lines

KIND_FIELDS: Final = ("reconciler kind", "controllerKind")
"""Where a line says of which kind the object is, the first that is there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a log."""

    time: str
    level: str
    kind: str
    name: str
    namespace: str
    message: str
    error: str

    def format(self, terminal: Terminal | None) -> str:
        """Return the line as `flux` prints it: time, level, object, message, error."""
        level = terminal.style(self.level, fg="red") if terminal and self.level == "error" else self.level
        place = f"/{self.name}.{self.namespace}" if self.name else ""
        return f"{self.time} {level} {self.kind}{place} - {self.message} {self.error}\n"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are wanted; what is empty is any."""

    level: str
    kind: str
    name: str
    namespace: str

    def wants(self, entry: Entry) -> bool:
        """Return whether the line is one of them. Upper and lower case are the same."""
        pairs = (
            (self.level, entry.level), (self.kind, entry.kind), (self.name, entry.name),
            (self.namespace, entry.namespace),
        )  # fmt: skip
        return all(not wanted or wanted.lower() == found.lower() for wanted, found in pairs)


def read_entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    """Yield the lines that are JSON objects. Others are a program's own last words, or another form of log."""
    for line in lines:
        try:
            fields = json.loads(line) if line[:1] == b"{" else None
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, dict):
            yield Entry(
                time=_text(fields, "ts"),
                level=_text(fields, "level"),
                kind=next((text for field in KIND_FIELDS if (text := _text(fields, field))), ""),
                name=_text(fields, "name"),
                namespace=_text(fields, "namespace"),
                message=_text(fields, "msg"),
                error=_text(fields, "error"),
            )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else escape_lines(value if isinstance(value, str) else json.dumps(value))
