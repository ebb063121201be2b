"""What the tags of a registry say about a proposal. Pure: the tags are an argument.

A proposal is made from the tags in use alone. Here it is held against all others: the tag in use must be one that the
policy can choose, and what it would choose now must be of the same kind.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from controllers.adoption.proposals import EPOCH, Proposal, accepts
from controllers.adoption.schemes import Scheme
from controllers.policy import Filter, Selection, Semver, TagIndex, select
from controllers.policy.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Verdict:
    """A proposal after it was held against tags."""

    proposal: Proposal
    choice: str = ""
    """What the policy would choose now; "" where that is unknown, or the images would have to be read."""
    refusal: str = ""
    """Why it is not to be made after all."""


def hold_against(proposal: Proposal, tags: Collection[str] | None) -> Verdict:
    """Return the proposal with notes on what does not fit; tags: all that the image has, None for unknown."""
    notes = [
        f"the policy does not accept {tag}, which is in use: it would be replaced at once"
        for tag in proposal.tags
        if not _ranks_times(proposal) and not accepts(proposal.rules, tag)
    ]
    if tags is None:
        return Verdict(_note(proposal, notes))
    missing = [tag for tag in proposal.tags or (("latest",) if proposal.scheme.is_floating else ()) if tag not in tags]
    if missing and proposal.scheme.is_floating:
        return Verdict(proposal, refusal=f"the registry has no tag {missing[0]}, so there is no digest to follow")
    notes += [f"the registry has no tag {tag}, which is in use" for tag in missing]
    proposal = _narrow(proposal, tags)
    if _ranks_times(proposal):
        return Verdict(_note(proposal, notes))
    try:
        selection = select(TagIndex(tuple(tags)), proposal.rules, now=EPOCH)
    except PolicyError as error:
        return Verdict(proposal, refusal=f"the policy chooses none of the registry's {len(tags)} tags: {error}")
    assert isinstance(selection, Selection)  # no rule here reads images
    return Verdict(_note(proposal, notes), selection.choice.tag)


def _ranks_times(proposal: Proposal) -> bool:
    return proposal.scheme.policy.ranks_times


def _note(proposal: Proposal, notes: list[str]) -> Proposal:
    return replace(proposal, notes=(*proposal.notes, *notes)) if notes else proposal


def _narrow(proposal: Proposal, tags: Collection[str]) -> Proposal:
    """Return the proposal with a filter where tags of both forms exist, `v1.2.3` and `1.2.3`, and one is in use."""
    scheme = proposal.scheme
    forms = {tag.startswith("v") for tag in proposal.tags}
    if scheme.tag_filter is not None or not isinstance(scheme.policy, Semver) or len(forms) != 1:
        return proposal
    has_v = forms.pop()
    if not any(re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+.*", tag) and tag.startswith("v") != has_v for tag in tags):
        return proposal
    pattern = r"^v[0-9]+\." if has_v else r"^[0-9]+\."
    form = "with" if has_v else "without"
    return replace(
        proposal,
        scheme=Scheme(scheme.policy, Filter(pattern), scheme.digest),
        reason=f"{proposal.reason}; the registry has versions with and without v, and only those {form} it count",
    )
