"""Which policies of other namespaces an automation may use, and who refuses."""

import pytest

from api.imagepolicy import ImageRef
from api.meta import AccessFrom, LabelSelector
from controllers.runtime.key import Key
from controllers.update.findings import refusals
from controllers.update.policies import select_policies
from controllers.update.reach import OWN_NAMESPACE, Reach, Refusal
from controllers.update.work import plan_work
from testing.builders import access_from, automation, image_policy

LABELS = {"apps": {"team": "fleet"}, "other": {"team": "web"}}
REACH = Reach(lambda name: LABELS.get(name, {}))
BLOCKED = Reach(REACH.labels_of, is_blocked=True)
LATEST = ImageRef(name="x/web", tag="1.1.0")
NONE, FLEET, WEB, ALL, NOBODY = (
    None,
    access_from(team="fleet"),
    access_from(team="web"),
    access_from(),
    AccessFrom(),
)
"""`apps`, where the automation is, has the label of FLEET; `other`, where the policy is, that of WEB."""


@pytest.mark.parametrize(
    ("asked", "open_to", "reach", "want"),
    [
        pytest.param(WEB, FLEET, REACH, None, id="both-agree"),
        pytest.param(ALL, ALL, REACH, None, id="selectors-without-labels-choose-all"),
        pytest.param(NONE, FLEET, REACH, Refusal.NAMESPACE_NOT_SELECTED, id="automation-asks-for-none"),
        pytest.param(FLEET, FLEET, REACH, Refusal.NAMESPACE_NOT_SELECTED, id="automation-asks-for-others"),
        pytest.param(NOBODY, FLEET, REACH, Refusal.NAMESPACE_NOT_SELECTED, id="no-selectors-choose-none"),
        pytest.param(WEB, NONE, REACH, Refusal.ACCESS_DENIED, id="policy-is-open-to-none"),
        pytest.param(WEB, WEB, REACH, Refusal.ACCESS_DENIED, id="policy-is-open-to-others"),
        pytest.param(WEB, FLEET, BLOCKED, Refusal.BLOCKED, id="blocked-for-all"),
        pytest.param(WEB, FLEET, OWN_NAMESPACE, Refusal.NAMESPACE_NOT_SELECTED, id="labels-unknown"),
    ],
)
def test_both_sides_have_to_agree(
    asked: AccessFrom | None, open_to: AccessFrom | None, reach: Reach, want: Refusal | None
) -> None:
    policy = image_policy("web", namespace="other", latest=LATEST, access_from=open_to)
    ours = automation(policy_namespaces=asked)
    assert reach.find_refusal(ours, policy) is want
    images = select_policies(ours, [policy], reach).images
    assert images == ({} if want else {Key("other", "web"): LATEST})


def test_own_policies_need_nobody_s_leave() -> None:
    own = image_policy("web", latest=LATEST)
    for reach in (REACH, BLOCKED, OWN_NAMESPACE):
        assert select_policies(automation(), [own], reach).images == {Key("apps", "web"): LATEST}


def test_policies_of_one_name_are_kept_apart() -> None:
    own = image_policy("web", latest=LATEST)
    other = image_policy("web", namespace="other", latest=ImageRef(name="y/web", tag="7"), access_from=FLEET)
    work = plan_work(automation(policy_namespaces=WEB), [own, other], REACH)
    assert {key: str(image) for key, image in work.images.items()} == {
        "apps:web": "x/web:1.1.0",
        "other:web": "y/web:7",
    }
    assert set(work.observed_policies) == {"web", "other/web"}


def test_selector_of_labels_counts_for_policies_of_other_namespaces() -> None:
    other = image_policy("web", namespace="other", latest=LATEST, access_from=FLEET, labels={"auto": "no"})
    ours = automation(policy_namespaces=WEB, policy_selector=LabelSelector(match_labels={"auto": "yes"}))
    assert select_policies(ours, [other], REACH).images == {}


@pytest.mark.parametrize(
    ("asked", "open_to", "words"),
    [
        pytest.param(WEB, NONE, "add labels of 'apps' to spec.accessFrom of the ImagePolicy", id="policy-refuses"),
        pytest.param(
            NONE, FLEET, "add labels of 'other' to spec.policyNamespaces of the automation", id="automation-refuses"
        ),
        pytest.param(NONE, NONE, "", id="neither-wants-it"),
        pytest.param(WEB, FLEET, "", id="both-agree"),
    ],
)
def test_one_side_s_wish_is_reported_with_what_the_other_has_to_do(
    asked: AccessFrom | None, open_to: AccessFrom | None, words: str
) -> None:
    policy = image_policy("web", namespace="other", latest=LATEST, access_from=open_to)
    found = refusals(automation(policy_namespaces=asked), [policy], REACH)
    assert list(found) == (["other:web"] if words else [])
    assert all(words in text for _, text in found.values())


def test_wish_that_is_blocked_for_all_is_reported_once_and_for_the_marker() -> None:
    policy = image_policy("web", namespace="other", latest=LATEST, access_from=FLEET)
    work = plan_work(automation(policy_namespaces=WEB), [policy], BLOCKED)
    (finding,) = work.findings
    assert finding.reason == "CrossNamespaceBlocked"
    assert "spec.policyNamespaces has no effect" in finding.message
    assert "--no-cross-namespace-refs" in finding.message
    assert work.images == {}
    assert "blocks references" in refusals(work.automation, [policy], BLOCKED)["other:web"][1]
    assert plan_work(automation(), [policy], BLOCKED).findings == ()
