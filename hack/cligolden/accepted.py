"""Differences from the recordings that are meant: which lines, why, and what ours is instead."""

import fnmatch
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from hack.cligolden.cases import PLAYED_FORMS, STDOUT_FORMS, BadInput, Case, Record, check_case, check_placeholders

DEFAULT = Path(__file__).parent / "accepted.json"
RESULTS = (*STDOUT_FORMS, *PLAYED_FORMS, "exit", "stderr", "changes")


class Accepted(Record, frozen=True):
    """Lines, by a glob of their ids, that differ for a reason; what neither field names is as recorded.

    expect: fields that ours has instead of the recorded. differs: globs of the differences that are not told further,
    since they are too long for it; each has to be there.
    """

    id: str
    reason: str
    expect: Mapping[str, Any] = MappingProxyType({})
    differs: tuple[str, ...] = ()


def read_accepted(path: Path) -> list[Accepted]:
    """Return the accepted differences of a file. Raises BadInput."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[Accepted])
    except (OSError, msgspec.DecodeError) as error:
        raise BadInput(f"{path}: {error}") from None
    for entry in entries:
        try:
            _check(entry)
        except BadInput as error:
            raise BadInput(f"{path}: {entry.id}: {error}") from None
    return entries


def _check(entry: Accepted) -> None:
    unknown = sorted(set(entry.expect) - set(RESULTS))
    if unknown:
        raise BadInput(f"cannot expect {', '.join(unknown)}")
    if not entry.reason.strip():
        raise BadInput("no reason")
    if not entry.expect and not entry.differs:
        raise BadInput("neither expect nor differs says what is different, so anything would do")
    check_placeholders(entry.expect)


def accepted_for(case: Case, entries: Sequence[Accepted]) -> Accepted | None:
    """Return the first entry that speaks of a case."""
    return next((entry for entry in entries if fnmatch.fnmatchcase(case.id, entry.id)), None)


def with_expected(case: Case, entry: Accepted) -> Case:
    """Return the case with what ours answers instead; what stands on standard output is told in one way. BadInput."""
    fields = msgspec.to_builtins(case)
    if any(field in STDOUT_FORMS for field in entry.expect):
        fields = {name: value for name, value in fields.items() if name not in STDOUT_FORMS}
    try:
        expected = msgspec.json.decode(json.dumps({**fields, **entry.expect}), type=Case)
    except msgspec.DecodeError as error:
        raise BadInput(f"accepted: {entry.id}: {error}") from None
    check_case(expected)
    return expected
