"""What must hold of an automation's commits: they change marked scalars, and bring each value once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testing.invariants import Violation

_MARKED = re.compile(
    rb"""^(?P<before>\s*(?:-\s+)?[^#\s][^#]*?:\s+|\s*-\s+)(?P<value>[^\s#]+)(?P<after>\s+\#.*\$imagepolicy.*)$"""
)

_BLANKS = re.compile(rb"(\s+)")
_ALONE = re.compile(rb"\W*\$imagepolicy")
"""The beginning of a line that has nothing but a marker."""
YAML_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of an automation, with the files before and after it."""

    id: str
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]


def check_commit(commit: Commit) -> list[Violation]:
    """Return how a commit changed anything but the scalars in front of markers."""
    subject = f"commit {commit.id[:12]}"
    if commit.before.keys() != commit.after.keys():
        return [Violation("byte diff", subject, "files came or went")]
    changed = [path for path in commit.after if commit.after[path] != commit.before[path]]
    if not changed:
        return [Violation("byte diff", subject, "it changes nothing")]
    out = []
    for path in changed:
        old, new = (files[path].split(b"\n") for files in (commit.before, commit.after))
        is_allowed = _differ_in_scalar if path.endswith(YAML_ENDINGS) else _differ_in_word
        lines = zip(old, new, [b"", *new], strict=False)
        allowed = [is_allowed(was, now, above) for was, now, above in lines if was != now]
        if len(old) != len(new) or not all(allowed):
            out.append(Violation("byte diff", subject, f"{path} differs in more than marked scalars"))
    return out


def _differ_in_scalar(was: bytes, now: bytes, _: bytes) -> bool:
    old, new = _MARKED.match(was), _MARKED.match(now)
    return bool(old and new and old["before"] == new["before"] and old["after"] == new["after"])


def _differ_in_word(was: bytes, now: bytes, above: bytes) -> bool:
    """Return whether a line of a file that is not YAML changed one word, by a marker behind it or alone above."""
    old, new = _BLANKS.split(was), _BLANKS.split(now)
    changed = [position for position, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]]
    if len(old) != len(new) or len(changed) != 1:
        return False
    return bool(_ALONE.match(above)) or b"$imagepolicy" in b"".join(new[changed[0] + 1 :])


def check_commits(commits: Sequence[Commit]) -> list[Violation]:
    """Return what commits, oldest first, violate: each changes marked scalars only, and none brings back what was."""
    out = [violation for commit in commits for violation in check_commit(commit)]
    seen: dict[tuple[str, bytes], list[bytes]] = {}
    for commit in commits:
        for path, marker, was, now in _changes(commit):
            values = seen.setdefault((path, marker), [was])
            if now in values:
                text = f"{path} has {now.decode(errors='replace')} for the second time"
                out.append(Violation("exactly once", f"commit {commit.id[:12]}", text))
            values.append(now)
    return out


def _changes(commit: Commit) -> Iterator[tuple[str, bytes, bytes, bytes]]:
    """Yield path, marker, former and new value of each marked scalar that a commit changes."""
    for path in commit.after.keys() & commit.before.keys():
        lines = zip(commit.before[path].split(b"\n"), commit.after[path].split(b"\n"), strict=False)
        for was, now in lines:
            old, new = _MARKED.match(was), _MARKED.match(now)
            if was != now and old and new:
                yield path, new["before"] + new["after"], old["value"], new["value"]
