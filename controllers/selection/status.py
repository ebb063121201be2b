"""How a choice came about, in the words of status and condition: pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from api.imagepolicy import Candidate, RefusedTags, SelectionStatus
from controllers.policy import Tally
from controllers.policy.newest import NO_BUILD_DATE
from controllers.policy.reasons import DENIED, LACKS_PLATFORM, TOO_YOUNG

MAX_CANDIDATES: Final = 5
"""In a status; `tagline explain` shows more."""

RULE_REASONS: Final = (DENIED, TOO_YOUNG, LACKS_PLATFORM, NO_BUILD_DATE)


def build_selection_status(
    tag: str, tag_count: int, tally: Tally, *, next_eligible_at: datetime | None
) -> SelectionStatus:
    """Return the status of a choice; tag: the chosen one, "" when there is none."""
    counts = sorted(tally.counts.items(), key=lambda item: (-item[1], item[0].word))
    return SelectionStatus(
        tag=tag,
        tag_count=tag_count,
        refused=tuple(RefusedTags(reason=reason.word, count=count) for reason, count in counts),
        candidates=tuple(
            Candidate(
                tag=refusal.tag,
                value="" if refusal.value == refusal.tag else refusal.value,
                reason=refusal.reason.word,
                message=refusal.reason.sentence,
            )
            for refusal in tally.refused[:MAX_CANDIDATES]
        ),
        next_candidate_at=next_eligible_at.astimezone(UTC) if next_eligible_at else None,
    )


def keep_if_equivalent(before: SelectionStatus | None, after: SelectionStatus) -> SelectionStatus:
    """Return `before` where only its counts differ from `after`, which are not worth a write, else `after`.

    When and in which trace the tag was found stays what it was when it was chosen.
    """
    if before is None:
        return after
    if _without_counts(before) == _without_counts(after):
        return before
    if before.tag == after.tag:
        return replace(after, first_seen=before.first_seen, trace_parent=before.trace_parent)
    return after


def explain_failure(message: str, tally: Tally) -> str:
    """Return a failure's text with what rules left out, which Flux's texts do not mention."""
    left_out = [f"{tally.counts[reason]} {reason}" for reason in RULE_REASONS if reason in tally.counts]
    return f"{message}; left out by rules: {', '.join(left_out)}" if left_out else message


def _without_counts(selection: SelectionStatus) -> tuple[SelectionStatus, Iterable[str]]:
    return replace(selection, tag_count=0, refused=(), first_seen=None, trace_parent=""), sorted(
        refused.reason for refused in selection.refused
    )
