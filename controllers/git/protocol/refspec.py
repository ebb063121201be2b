"""Refspecs of a push (`spec.git.push.refspec`), turned into updates of the remote's references. Pure.

One refspec as `git push` takes it: `[+]<source>:<destination>`, each side with at most one `*`. Deleting
(`:<destination>`) is refused: an automation never removes anybody's reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controllers.git.errors import BadRefspec


class AnyValue(Enum):
    """The type of ANY: whatever the remote has."""

    ANY = "any"


ANY: Final = AnyValue.ANY


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One reference of the remote to move.

    expected: what it must be at now: a commit, None for "must not exist", ANY for no precondition.
    """

    ref: str
    new: str
    expected: str | AnyValue | None = ANY


@dataclass(frozen=True, slots=True)
class Refspec:
    """The parts of one refspec."""

    source: str
    destination: str
    force: bool = False

    def updates(self, local: Mapping[str, str]) -> list[RefUpdate]:
        """Return the updates that this refspec asks for.

        local: full reference name → commit, of the references of this run: checked-out branch, push branch.
        Raises BadRefspec when the source is not among them.
        """
        if "*" not in self.source:
            commit = local.get(self.source)
            if commit is None:
                raise BadRefspec(f"refspec '{self}': source '{self.source}' is not a reference of this run")
            return [RefUpdate(self.destination, commit)]
        head, _, tail = self.source.partition("*")
        updates = [
            RefUpdate(self.destination.replace("*", ref[len(head) : len(ref) - len(tail)]), commit)
            for ref, commit in sorted(local.items())
            if len(ref) >= len(head) + len(tail) and ref.startswith(head) and ref.endswith(tail)
        ]
        if not updates:
            raise BadRefspec(f"refspec '{self}': source '{self.source}' matches no reference of this run")
        return updates

    def __str__(self) -> str:
        return f"{'+' if self.force else ''}{self.source}:{self.destination}"


def parse_refspec(text: str) -> Refspec:
    """Parse a refspec. Raises BadRefspec."""
    force = text.startswith("+")
    source, separator, destination = text.removeprefix("+").partition(":")
    if not separator or ":" in destination:
        raise BadRefspec(f"refspec '{text}': malformed refspec, separators are wrong; write <source>:<destination>")
    if not source:
        raise BadRefspec(f"refspec '{text}': deletes a reference, which an automation never does")
    if not destination.startswith("refs/") or any(c.isspace() or ord(c) < 32 for c in destination):
        raise BadRefspec(f"refspec '{text}': destination must be a full reference name such as refs/heads/main")
    if max(source.count("*"), destination.count("*")) > 1 or ("*" in source) != ("*" in destination):
        raise BadRefspec(f"refspec '{text}': malformed refspec, mismatched number of wildcards")
    return Refspec(source, destination, force)
