"""The update of many files: which bytes change, and the result that commit messages are made from.

Reads its files once, in the order given, and keeps only what changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controllers.image.ref import ImageRef
from controllers.net.foreign_text import escape
from controllers.setters.cache import FileCache
from controllers.setters.candidates import is_candidate, relative_to
from controllers.setters.findings import FileFinding, limit_findings
from controllers.setters.globs import matches_any
from controllers.setters.line_markers import apply_lines
from controllers.setters.marker import ObjectIdentifier
from controllers.setters.splice import NO_REVERTS, FileEdit, Reverts, ValueChange, apply
from controllers.setters.targets import Target, apply_targets, missing


@dataclass(frozen=True, slots=True)
class FileResult:
    """What changed in one object of one file."""

    file: str
    """Relative to the update path."""
    object: ObjectIdentifier
    changes: tuple[ValueChange, ...]
    """In the order of the file."""


@dataclass(frozen=True, slots=True)
class Update:
    """The outcome for all files."""

    edits: Mapping[str, FileEdit]
    """Files whose bytes changed, keyed by their path in the repository."""
    result: tuple[FileResult, ...]
    """Sorted by file, then by object."""
    findings: tuple[FileFinding, ...]
    """In the order of the files, at most MAX_FINDINGS; `file` is relative to the update path."""


def update(
    files: Iterable[tuple[str, bytes]],
    refs: Mapping[str, ImageRef],
    update_path: str = "",
    *,
    globs: Sequence[str] = (),
    reverts: Reverts = NO_REVERTS,
    targets: Sequence[Target] = (),
    cache: FileCache | None = None,
) -> Update:
    """Apply `refs` to every candidate file below `update_path`, which `resolve_update_path` has normalised.

    files: path in the repository and bytes; all but candidates are skipped. globs: further files, edited line by line
    (`line_markers`). targets: values without markers, in these or further files. reverts: values that are not to be
    written again. cache: saves work that was done before. Never raises for a file's content. The same input gives the
    same result, whatever the order of `refs`.
    """
    with_reverts = {file for file, _, _ in reverts}
    edits: dict[str, FileEdit] = {}
    findings: list[FileFinding] = []
    met: set[Target] = set()
    sound = [target for target in targets if not target.fault]
    for path, data in files:
        relative = relative_to(path, update_path)
        if relative is None:
            continue
        named = [target for target in sound if target.means(relative)]
        met.update(named)
        if is_candidate(path):
            if cache is None or escape(relative) in with_reverts:
                edit = apply(relative, data, refs, reverts=reverts)
            else:
                edit = cache.apply(relative, data, refs)
        elif matches_any(relative, globs):
            edit = apply_lines(relative, data, refs, reverts=reverts)
        elif named:
            edit = FileEdit(relative, data)
        else:
            continue
        if named:
            edit = apply_targets(edit, named, refs, reverts=reverts)
        findings += edit.findings
        if edit.changed:
            edits[path] = edit
    findings += missing(targets, met)
    return Update(edits, summarise(edits.values()), limit_findings(findings))


def summarise(edits: Iterable[FileEdit]) -> tuple[FileResult, ...]:
    """Return the changes of several edits, grouped by file and object."""
    grouped: dict[tuple[str, ObjectIdentifier], list[ValueChange]] = {}
    for edit in edits:
        for change in edit.changes:
            grouped.setdefault((edit.file, change.object), []).append(change)
    results = (FileResult(file, identity, tuple(changes)) for (file, identity), changes in grouped.items())
    return tuple(sorted(results, key=_order))


def _order(result: FileResult) -> tuple[str, ...]:
    identity = result.object
    return (result.file, identity.api_version, identity.kind, identity.namespace, identity.name)
