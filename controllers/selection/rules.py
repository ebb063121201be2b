"""What an ImagePolicy says about the choice: whose tags, and by which rules of `controllers.policy`. Pure."""

from datetime import timedelta

from api.imagepolicy import ImagePolicy, ImagePolicySpec
from controllers.golang.duration import parse_duration
from controllers.policy import Filter, Rules, resolve_policy
from controllers.runtime.key import Key


def repository_key(policy: ImagePolicy) -> Key:
    """Return the key of the ImageRepository whose tags a policy chooses from."""
    ref = policy.spec.image_repository_ref
    return Key(ref.namespace or policy.metadata.namespace, ref.name)


def to_rules(spec: ImagePolicySpec) -> Rules:
    """Return the rules of a spec, unchecked: `select` raises what is wrong with them."""
    choice = spec.policy
    return Rules(
        policy=resolve_policy(choice),
        tag_filter=Filter(spec.filter_tags.pattern, spec.filter_tags.extract) if spec.filter_tags else None,
        denied_tags=frozenset(rule.tag for rule in choice.deny if rule.tag),
        denied_patterns=tuple(rule.pattern for rule in choice.deny if rule.pattern),
        min_age=parse_duration(choice.min_age) if choice.min_age else timedelta(),
        platforms=choice.platforms,
        allow_downgrade=choice.allow_downgrade is not False,
    )
