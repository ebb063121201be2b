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
    KeySpec,
    KeyType,
    Newest,
    NewestBy,
    Numerical,
    Policy,
    Reason,
    Refusal,
    Semver,
    Tally,
    resolve_policy,
)
from controllers.policy.rules import ImageMetadata, Rules, Selection, Wanted, select

__all__ = [
    "Alphabetical",
    "Choice",
    "Filter",
    "ImageMetadata",
    "KeySpec",
    "KeyType",
    "Keys",
    "Newest",
    "NewestBy",
    "Numerical",
    "Policy",
    "Reason",
    "Refusal",
    "Rules",
    "Selection",
    "Semver",
    "TagIndex",
    "Tally",
    "Wanted",
    "choose",
    "resolve_policy",
    "select",
]
