"""An embedded API: opened on a state file, or in memory, and closed at the end.

It is the state of one machine: one process at a time, no network, no access rules. What reconcilers ask of an API
server it does in the same way, so they cannot tell the difference.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from controllers.clock import Clock
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.embedded.errors import StateUnavailable
from controllers.runtime.embedded.served import DefinedKind, ServedKinds
from controllers.runtime.embedded.statefile import StateFile, machine_identity, open_copy, open_memory, open_state
from controllers.runtime.embedded.store import ObjectStore
from controllers.runtime.embedded.tables import Tables
from controllers.runtime.kube.errors import ApiError

_SCHEMAS_FACT: Final = "schemas"


class EmbeddedApi:
    """Use it in a `with` block; belongs to one thread."""

    def __init__(self, file: StateFile, kinds: Iterable[DefinedKind], *, clock: Clock) -> None:
        """Take over an open state file."""
        self._file = file
        self._tables = Tables(file.connection)
        self._clock = clock
        self.notices = file.notices
        """What became of an earlier state file, in sentences for the user."""
        self.store = ObjectStore(self._tables, ServedKinds.of(kinds), clock=clock)
        self._complete_older_objects()

    @classmethod
    def open(
        cls,
        path: Path,
        kinds: Iterable[DefinedKind],
        *,
        clock: Clock,
        check_machine: bool = True,
        read_only: bool = False,
    ) -> Self:
        """Open the state in a file, or begin it. See `statefile.open_state`. Raises StateError.

        read_only: work on a copy that is forgotten at the end, or on nothing where there is no file; what is on the
        disk stays as it is, and the notices say what would become of it
        """
        begin = open_copy if read_only else open_state
        file = begin(path, now=clock.now(), machine=machine_identity(), check_machine=check_machine)
        try:
            return cls(file, kinds, clock=clock)
        except BaseException as error:
            file.close()
            if isinstance(error, (sqlite3.Error, ApiError)):  # a full disk, for example
                raise StateUnavailable(f"cannot use the state file {path}: {error}") from error
            raise

    @classmethod
    def in_memory(cls, kinds: Iterable[DefinedKind], *, clock: Clock) -> Self:
        """Return an empty API whose state is forgotten at the end."""
        return cls(open_memory(), kinds, clock=clock)

    def connect(self) -> EmbeddedClient:
        """Return a client; any number of them show the same objects."""
        return EmbeddedClient(self.store, clock=self._clock)

    def close(self) -> None:
        """Let another process have the state; a second call does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _raised: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def _complete_older_objects(self) -> None:
        """Add what this version's schemas fill in to objects that another version stored."""
        kinds = self.store.kinds.by_name.values()
        schemas = [kind.schema(kind.resource.version) for kind in kinds]
        fingerprint = hashlib.sha256(msgspec.json.encode(schemas)).hexdigest()
        if self._tables.fact(_SCHEMAS_FACT) != fingerprint:
            self.store.complete_objects()
            self._tables.set_fact(_SCHEMAS_FACT, fingerprint)
