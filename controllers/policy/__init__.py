"""Pure choice of a tag: filter, policies, rules beyond Flux's, and why each tag lost.

Values in, values out: no I/O, no clock, no logging, no knowledge of Kubernetes or registries. Follows Flux's
image-reflector-controller (`internal/policy`, `applyPolicy` of its ImagePolicy reconciler), texts and ties included.
Flux ranks filtered tags in random order; here the order is always the stored one, bytewise descending, so one set of
tags has one answer. What can go wrong is drawn in `errors`.

To add a policy:

1. Write `controllers/policy/<name>.py`, with `alphabetical` as the pattern: a frozen dataclass derived from
   `ranking.Policy`, its own reasons if it has any, and the row KIND.
2. Put KIND into `policies.POLICIES`. Its place is its precedence.
3. Give the API its field: a struct and an attribute of that name in `ImagePolicyChoice` (api/imagepolicy.py), then
   `make generate`.
"""

from controllers.policy.alphabetical import Alphabetical
from controllers.policy.index import TagIndex, choose
from controllers.policy.keys import Keys, KeySpec, KeyType
from controllers.policy.newest import Newest, NewestBy
from controllers.policy.numerical import Numerical
from controllers.policy.policies import POLICIES, REASONS, resolve_policy
from controllers.policy.ranking import Policy
from controllers.policy.reasons import Choice, Reason, Refusal, Tally
from controllers.policy.rules import ImageMetadata, Rules, Selection, Wanted, select
from controllers.policy.semver import Semver
from controllers.policy.tag_filter import Filter

__all__ = [
    "POLICIES",
    "REASONS",
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
