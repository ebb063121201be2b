"""Which policies the images of a repository need: occurrences grouped by image and by the order of their tags.

Two spellings of one image (`nginx`, `docker.io/library/nginx`) need two ImageRepositories where the whole image is one
value, since a policy writes the name as its repository spells it; values that are only a tag join either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, count
from typing import Final

from api.imagepolicy import IF_NOT_PRESENT, ImagePolicy
from api.imagerepository import ImageRepository
from controllers.adoption import occurrences
from controllers.adoption.instructions import (
    NO_EXTRAS,
    Extras,
    Instruction,
    find_instruction,
    full_name,
)
from controllers.adoption.inventory import Inventory
from controllers.adoption.occurrences import Occurrence
from controllers.adoption.schemes import Level, Recognition, Scheme, escape, recognise
from controllers.policy import Filter, Rules, TagIndex, select
from controllers.policy.errors import PolicyError
from controllers.selection.rules import to_rules

NO_ORDER: Final = (
    "nothing in the tag says which of two is newer: put the time of the build into it, "
    "or say how to choose, e.g. --policy '{image}=newest:BuildDate'"
)
MAX_NAME: Final = 50
"""So that names remain labels with whatever is put behind them."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One policy, and the occurrences that it is for."""

    image: str
    """As its ImageRepository spells it."""
    scheme: Scheme
    reason: str
    variant: str
    occurrences: tuple[Occurrence, ...]
    extras: Extras = NO_EXTRAS
    policy_name: str = ""
    repository_name: str = ""
    policy_exists: bool = False
    repository_exists: bool = False
    notes: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that are in use now, each once, in the order of the files."""
        return tuple(dict.fromkeys(occurrence.tag for occurrence in self.occurrences if occurrence.tag))

    @property
    def rules(self) -> Rules:
        """The rules of the policy."""
        extras = self.extras
        return Rules(
            self.scheme.policy,
            self.scheme.tag_filter,
            frozenset(extras.denied_tags),
            extras.denied_patterns,
        )


@dataclass(slots=True)
class Plan:
    """What is proposed, and what cannot be."""

    proposals: list[Proposal] = field(default_factory=list)
    obstacles: list[Occurrence] = field(default_factory=list)
    """Places that carry no marker, each with its reason."""


def plan_adoption(
    found: Iterable[Occurrence],
    inventory: Inventory,
    *,
    instructions: Sequence[Instruction] = (),
    level: Level = Level.MINOR,
) -> Plan:
    """Return a proposal for each policy that is needed, in the order of the files.

    found: occurrences without a marker. instructions: the first that fits an image counts.
    """
    plan = Plan()
    groups: dict[tuple[object, ...], list[tuple[Occurrence, Recognition, Extras]]] = {}
    for occurrence in found:
        if occurrence.obstacle:
            plan.obstacles.append(occurrence)
            continue
        instruction = find_instruction(instructions, occurrence.image, occurrence.file, occurrence.form)
        if instruction is not None and instruction.skip:
            continue
        recognition = _recognise(occurrence, instruction, level)
        if isinstance(recognition, str):
            plan.obstacles.append(replace(occurrence, obstacle=recognition))
            continue
        extras = instruction.extras if instruction else NO_EXTRAS
        key = (full_name(occurrence.image), recognition.scheme, extras, occurrence.image if occurrence.is_whole else "")
        groups.setdefault(key, []).append((occurrence, recognition, extras))
    _join_spellings(groups)
    proposals = [_propose(members) for members in groups.values()]
    plan.proposals = name_proposals(proposals, inventory)
    return plan


def accepts(rules: Rules, tag: str) -> bool:
    """Return True when a policy could choose a tag, if it were the only one."""
    try:
        select(TagIndex((tag,)), rules, now=EPOCH)
    except PolicyError:
        return False
    return True


def _recognise(occurrence: Occurrence, instruction: Instruction | None, level: Level) -> Recognition | str:
    """Return how the tags of an occurrence are ordered, or why it cannot be adopted."""
    recognition = recognise(
        occurrence.tag, level=(instruction and instruction.level) or level, digest=bool(occurrence.digest)
    )
    if instruction is not None and instruction.scheme is not None:
        recognition = _follow(instruction, occurrence, recognition)
        if instruction.must_accept and occurrence.tag and not accepts(_rules(recognition), occurrence.tag):
            return f"its tag is none that {instruction.origin} accepts"
    if recognition is None:
        return NO_ORDER.format(image=occurrence.image)
    parts = {slot.part for slot in occurrence.slots}
    if recognition.scheme.is_floating and parts == {"tag"}:
        return occurrences.FIXED_TAG
    return recognition


def _rules(recognition: Recognition) -> Rules:
    return Rules(recognition.scheme.policy, recognition.scheme.tag_filter)


def _follow(instruction: Instruction, occurrence: Occurrence, recognition: Recognition | None) -> Recognition:
    """Return the scheme of an instruction, with the filter that tags like this one have anyway."""
    scheme = instruction.scheme
    assert scheme is not None
    if scheme.is_floating and scheme.tag_filter is None:
        scheme = replace(scheme, tag_filter=Filter(f"^{escape(occurrence.tag or 'latest')}$"))
    elif scheme.tag_filter is None and recognition and type(recognition.scheme.policy) is type(scheme.policy):
        scheme = replace(scheme, tag_filter=recognition.scheme.tag_filter)
    if occurrence.digest and not scheme.is_floating:
        scheme = replace(scheme, digest=IF_NOT_PRESENT)
    return Recognition(scheme, f"as {instruction.origin} says", recognition.variant if recognition else "")


def _join_spellings(groups: dict[tuple[object, ...], list[tuple[Occurrence, Recognition, Extras]]]) -> None:
    """Let occurrences that are only a tag join a group of the same image whose occurrences are whole images."""
    whole = {key[:-1]: key for key in reversed(groups) if key[-1]}
    for key in [key for key in groups if not key[-1] and key[:-1] in whole]:
        groups[whole[key[:-1]]] += groups.pop(key)


def _propose(members: list[tuple[Occurrence, Recognition, Extras]]) -> Proposal:
    whole = next((occurrence for occurrence, _, _ in members if occurrence.is_whole), members[0][0])
    _, recognition, extras = members[0]
    found = sorted(
        (occurrence for occurrence, _, _ in members),
        key=lambda occurrence: (occurrence.file, occurrence.line, occurrence.column),
    )
    return Proposal(whole.image, recognition.scheme, recognition.reason, recognition.variant, tuple(found), extras)


def name_proposals(proposals: Iterable[Proposal], inventory: Inventory) -> list[Proposal]:
    """Return the proposals with names for their objects: those of objects that exist and fit, else new ones."""
    proposals = list(proposals)
    existing = {one.spec.image: one for one in reversed(inventory.repositories)}
    repository_names = {one.metadata.name for one in inventory.repositories}
    policy_names = {one.metadata.name for one in inventory.policies}
    policies_of_image = Counter(proposal.image for proposal in proposals)
    repositories = {image: one.metadata.name for image, one in existing.items()}
    named = []
    for proposal in proposals:
        bases = _base_names(proposal.image)
        repository = repositories.get(proposal.image) or _unique(bases, repository_names)
        repositories[proposal.image] = repository
        policy = _find_policy(proposal, inventory, existing.get(proposal.image))
        if policy is None:
            variant = f"-{proposal.variant}" if proposal.variant and policies_of_image[proposal.image] > 1 else ""
            name = _unique([f"{base}{variant}" for base in (repository, *bases)], policy_names)
        else:
            name = policy.metadata.name
        named.append(
            replace(
                proposal,
                policy_name=name,
                repository_name=repository,
                policy_exists=policy is not None,
                repository_exists=proposal.image in existing,
            )
        )
    return named


def _find_policy(proposal: Proposal, inventory: Inventory, repository: ImageRepository | None) -> ImagePolicy | None:
    """Return a policy that exists and would do for the occurrences of a proposal."""
    if repository is None:
        return None
    return next((policy for policy in inventory.policies_of(repository) if _fits(policy, proposal)), None)


def _fits(policy: ImagePolicy, proposal: Proposal) -> bool:
    if policy.spec.digest_reflection_policy != proposal.scheme.digest:
        return False
    try:
        rules = to_rules(policy.spec)
    except ValueError:
        return False
    return all(accepts(rules, tag) for tag in proposal.tags or ("latest",))


def _base_names(image: str) -> list[str]:
    """Return names for an image's objects, the shortest first."""
    segments = [_label(segment) for segment in image.split("/")]
    return ["-".join(segments[-size:])[-MAX_NAME:].strip("-") or "image" for size in range(1, len(segments) + 1)]


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _unique(candidates: Sequence[str], taken: set[str]) -> str:
    """Return the first candidate that is free, else the first with a number behind it; it is taken from then on."""
    names = [_label(candidate) for candidate in candidates]
    numbered = (f"{names[0]}-{number}" for number in count(2))
    name = next(name for name in chain(names, numbered) if name not in taken)
    taken.add(name)
    return name
