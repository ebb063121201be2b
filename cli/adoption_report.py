"""What `tagline adopt` prints. Values in, text out."""

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controllers.adoption.objects import describe_policy
from controllers.adoption.occurrences import Occurrence
from controllers.adoption.proposals import Proposal
from controllers.adoption.survey import Fault

MAX_OCCURRENCES = 3
"""How many occurrences of a policy the text names."""


@dataclass(frozen=True, slots=True)
class AdoptionReport:
    """What was found and is proposed."""

    namespace: str
    proposals: Sequence[Proposal]
    choices: Mapping[str, str]
    """What policies would choose now, by name."""
    obstacles: Sequence[Occurrence]
    faults: Sequence[Fault]
    notes: Sequence[str]
    """On the whole."""
    kept: int
    """Places that have a marker already."""
    named: int = 0
    """Places that a target names already."""
    prefix: str = ""
    """The folder that paths are relative to, as seen from where the command runs."""
    diff_prefix: str = ""
    """The same, as seen from the root of the repository."""

    def locate(self, file: str) -> str:
        """Return a file's path for people."""
        return posixpath.normpath(posixpath.join(self.prefix, file))


def format_report(report: AdoptionReport) -> Iterator[str]:
    """Yield the lines for people, above the diff."""
    for proposal in report.proposals:
        yield from format_proposal(
            proposal, report.namespace, report.choices.get(proposal.policy_name, ""), locate=report.locate
        )
    if report.obstacles or report.faults:
        yield "Not adopted:\n"
        for occurrence in report.obstacles:
            tag = _shorten(occurrence.tag)
            image = f"{occurrence.image}:{tag}" if occurrence.image and tag else occurrence.image or tag
            what = f"{occurrence.form}, {image}" if image else occurrence.form
            yield f"  {report.locate(occurrence.file)}:{occurrence.line}: {what}: {occurrence.obstacle}\n"
        for fault in report.faults:
            yield f"  {report.locate(fault.file)}{f':{fault.line}' if fault.line else ''}: {fault.message}\n"
        yield "\n"
    for note in report.notes:
        yield f"{note}\n"
    if not report.proposals:
        kept = f"; places that have a marker already: {report.kept}" if report.kept else ""
        named = f"; places that a target names already: {report.named}" if report.named else ""
        yield f"Nothing to adopt{kept}{named}.\n"


def format_proposal(
    proposal: Proposal, namespace: str, choice: str, *, locate: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield the lines about one policy."""
    tags = ", ".join(proposal.tags) or "no tag"
    yield f"{proposal.image}: {tags} → {' '.join(describe_policy(proposal))}\n"
    yield f"  why: {proposal.reason}\n"
    occurrences = [_place(occurrence, locate) for occurrence in proposal.occurrences]
    more = f" and {len(occurrences) - MAX_OCCURRENCES} more" if len(occurrences) > MAX_OCCURRENCES else ""
    exists = ", which exists" if proposal.policy_exists else ""
    yield f"  policy {namespace}/{proposal.policy_name}{exists}, for {', '.join(occurrences[:MAX_OCCURRENCES])}{more}\n"
    if choice:
        yield f"  now: {choice}\n" if choice not in proposal.tags else f"  now: {choice}, which is in use\n"
    for note in proposal.notes:
        yield f"  note: {note}\n"
    yield "\n"


def _place(occurrence: Occurrence, locate: Callable[[str], str]) -> str:
    place = f"{locate(occurrence.file)}:{occurrence.line}"
    return f"{place} (target {', '.join(occurrence.targets)})" if occurrence.targets else place


def to_json(report: AdoptionReport) -> dict[str, Any]:
    """Return the report as JSON values."""
    return {
        "namespace": report.namespace,
        "policies": [
            {
                "name": proposal.policy_name,
                "imageRepository": proposal.repository_name,
                "exists": proposal.policy_exists,
                "image": proposal.image,
                "tags": list(proposal.tags),
                "policy": " ".join(describe_policy(proposal)),
                "reason": proposal.reason,
                "choice": report.choices.get(proposal.policy_name, ""),
                "notes": list(proposal.notes),
                "places": [_occurrence_to_json(occurrence, report) for occurrence in proposal.occurrences],
            }
            for proposal in report.proposals
        ],
        "notAdopted": [
            {
                **_occurrence_to_json(occurrence, report),
                "image": occurrence.image,
                "tag": occurrence.tag,
                "reason": occurrence.obstacle,
            }
            for occurrence in report.obstacles
        ],
        "faults": [
            {"file": report.locate(fault.file), "line": fault.line, "message": fault.message} for fault in report.faults
        ],
        "notes": list(report.notes),
        "kept": report.kept,
        **({"named": report.named} if report.named else {}),
    }


def _occurrence_to_json(occurrence: Occurrence, report: AdoptionReport) -> dict[str, Any]:
    return {
        "file": report.locate(occurrence.file),
        "line": occurrence.line,
        "column": occurrence.column,
        "form": occurrence.form,
        **({"targets": list(occurrence.targets)} if occurrence.targets else {}),
    }


def _shorten(tag: str) -> str:
    """Return a tag without the digest that somebody put behind it."""
    return tag.partition("@")[0]
