"""What an ImagePolicy's spec says about the choice, in the terms of `controllers.policy`: pure."""

from datetime import timedelta

from api.imagepolicy import ImagePolicySpec
from controllers.golang.duration import parse_duration
from controllers.policy import Filter, Rules, resolve_policy


def rules_of(spec: ImagePolicySpec) -> Rules:
    """The rules of a spec, unchecked: `select` says what is wrong with them."""
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
