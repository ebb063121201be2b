"""The choice of one tag by an ImagePolicy: filter, rank, and map the best value back to its tag.

Follows Flux's image-reflector-controller (`internal/policy`, `applyPolicy` of its ImagePolicy reconciler), texts and
ties included. Flux ranks filtered tags in random order; here the order is always the stored one, bytewise descending,
so one set of tags has one answer. Reading the tags, and what an error means for the object, is the kind's business.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.policy.index import TagIndex
from controllers.policy.policies import Choice, Filter, Policy


def choose(tags: Iterable[str], policy: Policy | None, tag_filter: Filter | None = None) -> Choice:
    """The tag that `policy` ranks first among those that the filter lets through.

    tags: all stored tags, in any order. policy: None where the spec sets none, which is invalid.
    Raises InvalidPolicy, NoTags or a SelectionFailed, checked in this order: the policy, that there are tags, the filter.
    Cost: half a second of CPU for 100,000 tags; where several policies look at the same tags, keep a TagIndex.
    """
    return TagIndex(tags).choose(policy, tag_filter)
