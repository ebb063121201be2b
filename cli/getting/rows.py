"""The cells of an object in the table of its kind."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cli.ages import age_of
from cli.fields import text
from cli.kinds.kind import CliKind, Column, Object, condition
from cli.tables import MESSAGE

WAITING = "waiting to be reconciled"
"""The message of an object that has no condition Ready."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How rows of a kind are made."""

    kind: CliKind
    with_namespace: bool
    with_prefix: bool
    """True: names are `imagepolicy/app`, as in tables of several kinds."""
    wide: bool
    now: Callable[[], datetime]

    @property
    def header(self) -> list[str]:
        """The titles, in small letters."""
        names = ["Namespace", "Name"] if self.with_namespace else ["Name"]
        return [*names, *(column.header for column in self.kind.columns), "Ready", *self._wide_titles, MESSAGE]

    @property
    def _wide_titles(self) -> list[str]:
        return [*(column.header for column in self._wide_columns), "Age"] if self.wide else []

    @property
    def _wide_columns(self) -> tuple[Column, ...]:
        return self.kind.wide_columns if self.wide else ()

    def row(self, obj: Object) -> list[str]:
        """Return the cells of one object."""
        metadata = obj["metadata"]
        name = f"{self.kind.prefix}/{metadata['name']}" if self.with_prefix else metadata["name"]
        names = [metadata.get("namespace", ""), name] if self.with_namespace else [name]
        cells = [column.cell(obj) for column in self.kind.columns]
        wide = [column.cell(obj) for column in self._wide_columns]
        age = [age_of(metadata.get("creationTimestamp"), self.now())] if self.wide else []
        ready = condition(obj)
        state, message = (text(ready, "status"), self.kind.message(obj)) if ready else ("False", WAITING)
        return [*names, *cells, state, *wide, *age, message]
