"""The table of policies: adding one takes a module and a row here.

The module, such as `alphabetical`, holds the policy's frozen dataclass with its ranker, its own reasons, and KIND: how
a spec and a flag of the command line become that dataclass. All else walks the table: the choice, its error texts and
metrics, the conversion of specs, `tagline policy test`.
"""

from __future__ import annotations

from typing import Final

from controllers.policy import alphabetical, keys, newest, numerical, semver
from controllers.policy.ranking import Policy, PolicyKind
from controllers.policy.reasons import SHARED_REASONS, Reason

POLICIES: Final[tuple[PolicyKind, ...]] = (
    semver.KIND,
    alphabetical.KIND,
    numerical.KIND,
    keys.KIND,
    newest.KIND,
)
"""Where a spec sets several, the first counts, as in Flux. Those that Flux does not have come last: where Flux ignores
them, so do we."""

REASONS: Final[tuple[Reason, ...]] = (*SHARED_REASONS, *(reason for kind in POLICIES for reason in kind.reasons))
"""Every reason there is."""


def resolve_policy(spec: object) -> Policy | None:
    """Return the policy that counts in an ImagePolicy's `spec.policy`, unchecked; None where it sets none."""
    for kind in POLICIES:
        if value := getattr(spec, kind.policy.name):
            return kind.from_spec(value)
    return None
