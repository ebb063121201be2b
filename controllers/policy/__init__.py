"""Pure choice of a tag: filter, semver ranges, numerical and alphabetical order, and why a tag lost.

Values in, values out: no I/O, no clock, no logging, no knowledge of Kubernetes or registries. What can go wrong is
drawn in `errors`.
"""

from controllers.policy.choose import choose
from controllers.policy.index import TagIndex
from controllers.policy.policies import (
    Alphabetical,
    Choice,
    Filter,
    Numerical,
    Policy,
    Reason,
    Refusal,
    Semver,
    Tally,
    policy_of,
)

__all__ = [
    "Alphabetical",
    "Choice",
    "Filter",
    "Numerical",
    "Policy",
    "Reason",
    "Refusal",
    "Semver",
    "TagIndex",
    "Tally",
    "choose",
    "policy_of",
]
