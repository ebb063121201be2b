"""The image a policy chose, and what each form of a marker writes of it. Knows nothing of YAML."""

from collections.abc import Mapping
from dataclasses import dataclass

NAME, TAG, DIGEST = "name", "tag", "digest"
SUFFIXES = ("", NAME, TAG, DIGEST)


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An ImagePolicy's `status.latestRef`, unchecked."""

    name: str
    tag: str
    digest: str = ""

    def value(self, suffix: str) -> str:
        """What a marker with this suffix writes; empty for `digest` when the policy reflects none.

        Raises KeyError for anything that is not in SUFFIXES.
        """
        if suffix == "":
            return f"{self.name}:{self.tag}" + (f"@{self.digest}" if self.digest else "")
        return {NAME: self.name, TAG: self.tag, DIGEST: self.digest}[suffix]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """No value for a setter: `is_suffix_unknown` tells a bad suffix from a policy that is not there."""

    is_suffix_unknown: bool
    policy: str


def resolve_policy(setter: str) -> str:
    """The policy, `namespace:name`, of a marker's text such as `apps:web:tag`."""
    namespace, _, rest = setter.partition(":")
    return f"{namespace}:{rest.partition(':')[0]}"


def resolve(setter: str, refs: Mapping[str, ImageRef]) -> str | Unresolved:
    """The value for a marker's text such as `apps:web:tag`; `refs` is keyed `namespace:name`."""
    policy = resolve_policy(setter)
    colon, suffix = setter[len(policy) : len(policy) + 1], setter[len(policy) + 1 :]
    if policy not in refs:
        return Unresolved(is_suffix_unknown=False, policy=policy)
    if colon and suffix not in SUFFIXES[1:]:
        return Unresolved(is_suffix_unknown=True, policy=policy)
    return refs[policy].value(suffix)
