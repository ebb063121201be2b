from datetime import UTC, datetime

from msgspec.structs import replace

from api.imagepolicy import ImagePolicyStatus, RefusedTags, SelectionStatus
from controllers.imagepolicy.metrics import held_updates
from testing.builders import image_policy


def test_a_policy_shows_why_it_does_not_move_on() -> None:
    selection = SelectionStatus(
        tag="1.0.0",
        next_candidate_at=datetime(2026, 1, 1, tzinfo=UTC),
        refused=(RefusedTags(reason="Downgrade", count=1), RefusedTags(reason="Outranked", count=9)),
    )
    policy = replace(image_policy(), status=ImagePolicyStatus(selection=selection))
    held = list(held_updates(policy))
    assert held == [
        (("ImagePolicy", "apps", "app", "TooYoung"), 1),
        (("ImagePolicy", "apps", "app", "Downgrade"), 1),
    ]
    assert list(held_updates(replace(policy, spec=replace(policy.spec, suspend=True)))) == []
    assert list(held_updates(image_policy())) == []
