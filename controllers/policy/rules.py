"""Rules that a tag must pass besides the policy: ours, not Flux's, each off unless it is set.

A tag that a rule leaves out counts as absent, so the policy ranks the rest as it always does; the tally names the rule.
What rules and policies need from images (platforms, build dates) is not read here: `select` returns the tags whose
images it needs, and is called again with their metadata. Each call gets closer to an answer, and all together
need at most twice MAX_EXAMINED images. The present time is an argument, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from controllers.golang import regexp
from controllers.policy.errors import InvalidPolicy, NoPlatform, SelectionFailed
from controllers.policy.index import TagIndex, translate_costs, validate
from controllers.policy.ranking import Policy
from controllers.policy.reasons import (
    DENIED,
    DOWNGRADE,
    LACKS_PLATFORM,
    MAX_REFUSED,
    OUTRANKED,
    TOO_YOUNG,
    Choice,
    Reason,
    Refusal,
    Tally,
)
from controllers.policy.tag_filter import Filter

MAX_EXAMINED: Final = 20
"""Leading candidates whose images a rule looks at."""

BUILD_DATE_TOLERANCE: Final = timedelta(days=1)
"""How far in the future a build date may be: some are local times without a zone."""

_PLATFORM: Final = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?")


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that a spec says about the choice; equal rules choose alike."""

    policy: Policy | None
    tag_filter: Filter | None = None
    denied_tags: frozenset[str] = frozenset()
    """Never chosen."""
    denied_patterns: tuple[str, ...] = ()
    """A tag in which one of them is found is never chosen."""
    min_age: timedelta = timedelta()
    """How long ago a scan must have found a tag first; tags of unknown age, those of a first scan, are old enough."""
    platforms: tuple[str, ...] = ()
    """`os/architecture` or `os/architecture/variant`: the image must be there for all of them."""
    allow_downgrade: bool = True
    """False: the tag chosen before stays where the policy, given only that and the new choice, would take it."""


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What an image says about itself; empty for a tag that no longer has an image."""

    platforms: frozenset[str] = frozenset()
    """`os/architecture` or `os/architecture/variant`."""
    built: int | None = None
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice under rules."""

    choice: Choice
    refused_downgrade: str = ""
    """The tag that ranks first now, but below the one chosen before, which was kept."""
    next_eligible_at: datetime | None = None
    """When the next candidate becomes old enough; UTC."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """There is no answer before the images of these tags have been read."""

    tags: tuple[str, ...]


def select(
    index: TagIndex,
    rules: Rules,
    *,
    now: datetime,
    current: str = "",
    images: Mapping[str, ImageMetadata] | None = None,
) -> Selection | Wanted:
    """Return the tag that the policy ranks first among those that the rules let through.

    current: the tag chosen before, "" when there is none. images: those read so far, by tag.
    Raises InvalidPolicy, NoTags or a SelectionFailed, which may know when the next candidate becomes old enough.
    """
    check(rules)
    refused = _list_denied(index, rules)
    young, next_eligible_at = _list_young(index, rules, refused, now=now)
    refused |= young
    try:
        choice = _choose_examined(index, rules, refused, _without_future_dates(images, now=now) if images else {})
    except SelectionFailed as failure:
        failure.next_eligible_at = next_eligible_at
        raise
    if isinstance(choice, Wanted):
        return choice
    kept = _keep_current(rules, choice, current, refused)
    return Selection(kept or choice, choice.tag if kept else "", next_eligible_at)


def list_patterns(rules: Rules) -> tuple[str, ...]:
    """Return all regular expressions of the rules."""
    return (*((rules.tag_filter.pattern,) if rules.tag_filter else ()), *rules.denied_patterns)


def check(rules: Rules) -> None:
    """Raise InvalidPolicy when the rules cannot be used. Needs no tags."""
    validate(rules.policy, rules.tag_filter)
    for pattern in rules.denied_patterns:
        try:
            regexp.compile(pattern)
        except regexp.BadPattern as error:
            raise InvalidPolicy(f"invalid policy: deny pattern '{regexp.abbreviate(pattern)}': {error}") from None
    for platform in rules.platforms:
        if not _PLATFORM.fullmatch(platform):
            raise InvalidPolicy(f"invalid policy: platform '{platform}' is not of the form os/architecture[/variant]")
    if rules.policy is not None and rules.policy.ranks_times and not rules.allow_downgrade:
        name = rules.policy.name
        raise InvalidPolicy(f"invalid policy: allowDowngrade needs a policy that ranks values; {name} ranks times")


def _list_denied(index: TagIndex, rules: Rules) -> dict[str, Reason]:
    tags: Iterable[str] = [tag for tag in rules.denied_tags if tag in index]
    if rules.denied_patterns:
        tags = {*tags, *index.matching(*rules.denied_patterns)}
    return dict.fromkeys(tags, DENIED)


def _list_young(
    index: TagIndex, rules: Rules, denied: Mapping[str, Reason], *, now: datetime
) -> tuple[dict[str, Reason], datetime | None]:
    young: dict[str, Reason] = {}
    next_eligible_at: datetime | None = None
    if not rules.min_age:
        return young, next_eligible_at
    # The latest first: the first tag that is old enough ends the search.
    with translate_costs():
        for time, tag in regexp.within_budget(index.newest_first):
            eligible_at = datetime.fromtimestamp(time, UTC) + rules.min_age
            if eligible_at <= now:
                break
            if tag not in denied and index.is_candidate(tag, rules.tag_filter):
                young[tag] = TOO_YOUNG
                next_eligible_at = eligible_at
    return young, next_eligible_at


def _choose_examined(
    index: TagIndex, rules: Rules, refused: dict[str, Reason], images: Mapping[str, ImageMetadata]
) -> Choice | Wanted:
    """Return the first choice whose image passes the rules; adds those that do not to `refused`."""
    while True:
        choice = _choose_ranked(index, rules, refused, images)
        if isinstance(choice, Wanted) or not rules.platforms:
            return choice
        if choice.tag not in images:
            return Wanted((choice.tag,))
        if all(_provides(images[choice.tag].platforms, platform) for platform in rules.platforms):
            return choice
        refused[choice.tag] = LACKS_PLATFORM
        if sum(reason is LACKS_PLATFORM for reason in refused.values()) == MAX_EXAMINED:
            raise NoPlatform(MAX_EXAMINED, rules.platforms, choice.tally)


def _choose_ranked(
    index: TagIndex, rules: Rules, refused: Mapping[str, Reason], images: Mapping[str, ImageMetadata]
) -> Choice | Wanted:
    preselection = rules.policy.preselection if rules.policy else None
    if preselection is None:
        return index.choose(rules.policy, rules.tag_filter, excluded=refused)
    first = index.choose(preselection, rules.tag_filter, excluded=refused)
    others = [refusal.tag for refusal in first.tally.refused if refusal.reason is OUTRANKED]
    leading = (first.tag, *others)[:MAX_EXAMINED]
    if unknown := tuple(tag for tag in leading if tag not in images):
        return Wanted(unknown)
    built = {tag: images[tag].built for tag in leading}
    return index.choose(rules.policy, rules.tag_filter, excluded=refused, built=built)


def _without_future_dates(images: Mapping[str, ImageMetadata], *, now: datetime) -> Mapping[str, ImageMetadata]:
    """Return the images without build dates that cannot be: they would win over all others until then."""
    latest = (now + BUILD_DATE_TOLERANCE).timestamp()
    return {
        tag: replace(image, built=None) if image.built is not None and image.built > latest else image
        for tag, image in images.items()
    }


def _provides(platforms: frozenset[str], wanted: str) -> bool:
    # A rule without a variant accepts any.
    return any(platform == wanted or platform.startswith(f"{wanted}/") for platform in platforms)


def _keep_current(rules: Rules, choice: Choice, current: str, refused: Mapping[str, Reason]) -> Choice | None:
    """Return the choice of before where `choice` would be a downgrade; a tag on the deny list is not kept."""
    if rules.allow_downgrade or current in {"", choice.tag} or refused.get(current) is LACKS_PLATFORM:
        return None
    pair = TagIndex((current, choice.tag))
    if _list_denied(pair, rules):
        return None
    try:
        kept = pair.choose(rules.policy, rules.tag_filter)
    except SelectionFailed:  # the policy does not rank the old tag any more
        return None
    return Choice(current, kept.value, _add_downgrade(choice, current, refused)) if kept.tag == current else None


def _add_downgrade(choice: Choice, current: str, refused: Mapping[str, Reason]) -> Tally:
    counts = dict(choice.tally.counts) | {DOWNGRADE: 1}
    if current in refused:
        counts[refused[current]] -= 1
    others = [refusal for refusal in choice.tally.refused if refusal.tag != current]
    first = Refusal(choice.tag, choice.value, DOWNGRADE)
    return Tally({reason: count for reason, count in counts.items() if count}, (first, *others)[:MAX_REFUSED])
