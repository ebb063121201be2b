"""Which value a marker's scalar is to have, given the images that policies chose. Knows no YAML."""

from collections.abc import Mapping
from dataclasses import dataclass

from controllers.image.ref import ImageRef
from controllers.image.setter import PARTS, parse_setter


@dataclass(frozen=True, slots=True)
class Unresolved:
    """No value for a setter: `is_suffix_unknown` distinguishes a bad suffix from a policy that is not there."""

    is_suffix_unknown: bool
    policy: str


def resolve(setter: str, refs: Mapping[str, ImageRef]) -> str | Unresolved:
    """Return the value for a marker's text such as `apps:web:tag`; `refs` is keyed `namespace:name`."""
    parsed = parse_setter(setter)
    image = refs.get(parsed.policy_key)
    if image is None:
        return Unresolved(is_suffix_unknown=False, policy=parsed.policy_key)
    if parsed.part not in PARTS:
        return Unresolved(is_suffix_unknown=True, policy=parsed.policy_key)
    return parsed.value(image)


def lacks_digest(setter: str, value: str | Unresolved) -> bool:
    """Return True when `value`, resolved from `setter`, is empty as the policy reflects no digest. Flux writes it."""
    return not value and parse_setter(setter).part == "digest"
