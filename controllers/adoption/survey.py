"""From files to proposals, and from proposals to edited files. The whole of adoption without I/O.

survey = take_survey(files)
plan = plan_adoption(survey.places, …)
result = write_markers(survey.contents, plan.proposals, namespace)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from api.imageupdateautomation import MAX_TARGETS, ImageUpdateAutomation
from controllers.adoption.finder import find_occurrences, may_name_images
from controllers.adoption.insertion import Insertion, insert_markers, list_marked
from controllers.adoption.instructions import matches
from controllers.adoption.occurrences import Occurrence
from controllers.adoption.proposals import Proposal
from controllers.adoption.targets import TOO_MANY, NewTarget, TargetNames, loses_comments, new_targets
from controllers.documents.manifests import ObjectInFile, find_manifests, may_hold_objects
from controllers.image.setter import policy_key
from controllers.setters import Unparsable


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that could not be read, or only in part."""

    file: str
    line: int
    """1-based; 0 for the whole file."""
    message: str


@dataclass(slots=True)
class Survey:
    """What the files of a repository say about images."""

    occurrences: list[Occurrence] = field(default_factory=list)
    """Those without a marker."""
    kept: int = 0
    """How many occurrences have one."""
    manifests: list[ObjectInFile] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    """The files with occurrences."""
    automation_files: dict[str, bytes] = field(default_factory=dict)
    """The files with automations."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is to be written."""

    edits: Mapping[str, bytes]
    """New content of the files that change."""
    proposals: tuple[Proposal, ...]
    """Those of which at least one occurrence got its marker, with these occurrences only."""
    obstacles: tuple[Occurrence, ...]
    """Places that turned out to carry no marker."""
    targets: tuple[NewTarget, ...] = ()
    """For the automation: occurrences in files that lose comments."""


def take_survey(files: Iterable[tuple[str, bytes]], *, only: Sequence[str] = (), skip: Sequence[str] = ()) -> Survey:
    """Return what files say. only, skip: globs on images; an occurrence whose image is unknown passes. Never raises.

    A file that cannot name an image costs a search in its bytes, any other one a parse.
    """
    survey = Survey()
    for path, data in files:
        try:
            if may_hold_objects(data):
                manifests = find_manifests(path, data)
                survey.manifests += manifests
                if any(isinstance(one.object, ImageUpdateAutomation) for one in manifests):
                    survey.automation_files[path] = data
            if may_name_images(data):
                _survey_occurrences(survey, path, data, only=only, skip=skip)
        except Unparsable as error:
            survey.faults.append(Fault(path, error.line, f"left out, for it cannot be read: {error}"))
    return survey


def _survey_occurrences(survey: Survey, path: str, data: bytes, *, only: Sequence[str], skip: Sequence[str]) -> None:
    found = [occurrence for occurrence in find_occurrences(path, data) if _is_meant(occurrence.image, only, skip)]
    if not found:
        return
    try:
        marked = list_marked(data)
    except Unparsable:  # then no new marker can be put there either, which insertion reports
        marked = set()
    for occurrence in found:
        if any((slot.line, slot.column) in marked for slot in occurrence.slots):
            survey.kept += 1
        else:
            survey.occurrences.append(occurrence)
    survey.contents[path] = data


def _is_meant(image: str, only: Sequence[str], skip: Sequence[str]) -> bool:
    if not image:
        return not only
    if only and not any(matches(glob, image) for glob in only):
        return False
    return not any(matches(glob, image) for glob in skip)


def write_markers(
    contents: Mapping[str, bytes], proposals: Sequence[Proposal], namespace: str, *, without_markers: Sequence[str] = ()
) -> Adoption:
    """Return the files with markers for the occurrences of proposals. An occurrence gets all of its markers or none.

    In files that lose comments, targets name the values. without_markers: globs of files that do so besides JSON and
    those that say that a tool has written them.
    """
    by_file: dict[str, list[tuple[int, Occurrence]]] = {}
    for number, proposal in enumerate(proposals):
        for occurrence in proposal.occurrences:
            by_file.setdefault(occurrence.file, []).append((number, occurrence))
    edits: dict[str, bytes] = {}
    obstacles: list[Occurrence] = []
    marked: dict[int, list[Occurrence]] = {}
    targets: list[NewTarget] = []
    for path, of_file in by_file.items():
        if loses_comments(path, contents[path], without_markers):
            _name_targets(path, contents[path], of_file, proposals, marked=marked, targets=targets, obstacles=obstacles)
            continue
        members = of_file
        while members:
            insertions = [
                (Insertion(slot, _setter(namespace, proposals[number].policy_name, slot.part)), occurrence)
                for number, occurrence in members
                for slot in occurrence.slots
            ]
            result = insert_markers(contents[path], [insertion for insertion, _ in insertions])
            if not result.refused:
                edits[path] = result.data
                break
            reasons = dict(result.refused)
            refused = {
                id(occurrence): reasons[insertion] for insertion, occurrence in insertions if insertion in reasons
            }
            obstacles += [replace(p, slots=(), obstacle=refused[id(p)]) for _, p in members if id(p) in refused]
            members = [(number, occurrence) for number, occurrence in members if id(occurrence) not in refused]
        for number, occurrence in members:
            marked.setdefault(number, []).append(occurrence)
    kept = (replace(proposal, occurrences=tuple(marked[n])) for n, proposal in enumerate(proposals) if n in marked)
    return Adoption(edits, tuple(kept), tuple(obstacles), tuple(targets))


def _name_targets(
    path: str,
    data: bytes,
    members: Sequence[tuple[int, Occurrence]],
    proposals: Sequence[Proposal],
    *,
    marked: dict[int, list[Occurrence]],
    targets: list[NewTarget],
    obstacles: list[Occurrence],
) -> None:
    """Name the occurrences of a file; marked, targets, obstacles: get what comes of it."""
    names = TargetNames(path, data)
    for number, occurrence in members:
        named = names.name(occurrence)
        if named.targets and len(targets) + len(named.targets) > MAX_TARGETS:
            named = replace(named, slots=(), targets=(), obstacle=TOO_MANY)
        if not named.targets:
            obstacles.append(named)
            continue
        targets += new_targets(named, proposals[number].policy_name)
        marked.setdefault(number, []).append(named)


def _setter(namespace: str, policy: str, part: str | None) -> str:
    return policy_key(namespace, policy) + (f":{part}" if part else "")
