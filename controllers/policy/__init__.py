"""Pure choice of a tag: filter, policies, rules beyond Flux's, and why each tag lost.

Values in, values out: no I/O, no clock, no logging, no knowledge of Kubernetes or registries. What can go wrong is
drawn in `errors`.
"""

from controllers.policy.choose import choose
from controllers.policy.index import TagIndex
from controllers.policy.policies import (
    Alphabetical,
    Choice,
    Filter,
    Keys,
    KeyType,
    Moment,
    Newest,
    Numerical,
    Policy,
    Reason,
    Refusal,
    Semver,
    SortKey,
    Tally,
    policy_of,
)
from controllers.policy.rules import ImageFacts, Rules, Selection, Wanted, select

__all__ = [
    "Alphabetical",
    "Choice",
    "Filter",
    "ImageFacts",
    "KeyType",
    "Keys",
    "Moment",
    "Newest",
    "Numerical",
    "Policy",
    "Reason",
    "Refusal",
    "Rules",
    "Selection",
    "Semver",
    "SortKey",
    "TagIndex",
    "Tally",
    "Wanted",
    "choose",
    "policy_of",
    "select",
]
