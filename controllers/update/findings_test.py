"""What an update left out, as its owner reads it."""

import pytest

from api.imagepolicy import ImageRef
from api.imageupdateautomation import Finding as ApiFinding
from controllers import setters
from controllers.runtime.key import Key
from controllers.setters import FindingReason
from controllers.update.findings import (
    MAX_FINDINGS,
    REASONS,
    format_line,
    is_event_worthy,
    summarize,
    to_status,
)
from controllers.update.policies import PauseReason
from testing.builders import image_policy

POLICIES = {
    Key("apps", "waiting"): image_policy("waiting"),
    Key("apps", "unselected"): image_policy("unselected", latest=ImageRef(name="x/y", tag="1")),
    Key("other", "web"): image_policy("web", latest=ImageRef(name="x/y", tag="1")),
}


def found(
    reason: FindingReason = FindingReason.MISPLACED, setter: str = "", *, file: str = "app.yaml"
) -> setters.FileFinding:
    return setters.FileFinding(file, 3, setter, reason, "wrong")


@pytest.mark.parametrize(
    ("setter", "reason", "message"),
    [
        pytest.param(
            "apps:nobody:tag",
            "UnknownPolicy",
            "the marker names ImagePolicy 'apps:nobody', which does not exist; create it or correct the marker",
            id="no-such-policy",
        ),
        pytest.param(
            "other:nobody",
            "UnknownPolicy",
            "the marker names ImagePolicy 'other:nobody', which does not exist; create it or correct the marker",
            id="no-such-policy-in-another-namespace",
        ),
        pytest.param(
            "apps/waiting",
            "UnknownPolicy",
            "the marker names 'apps/waiting', which is not of the form namespace:name",
            id="slash-for-a-colon",
        ),
        pytest.param(
            "apps:waiting:name",
            "PolicyWithoutImage",
            "the marker names ImagePolicy 'apps:waiting', which has not chosen an image yet",
            id="no-image-yet",
        ),
    ],
)
def test_unknown_policy_says_what_to_do(setter: str, reason: str, message: str) -> None:
    assert to_status([found(FindingReason.UNKNOWN_POLICY, setter)], POLICIES) == (
        ApiFinding(file="app.yaml", line=3, reason=reason, message=message),
    )


@pytest.mark.parametrize(
    "setter",
    [
        pytest.param("apps:unselected", id="not-chosen-by-the-selector"),
        pytest.param("other:web:tag", id="another-namespace"),
    ],
)
def test_policy_of_another_automation_is_no_finding(setter: str) -> None:
    misplaced = found(FindingReason.MISPLACED, setter)
    assert to_status([found(FindingReason.UNKNOWN_POLICY, setter), misplaced], POLICIES) == to_status(
        [misplaced], POLICIES
    )


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (PauseReason.SUSPENDED, "is suspended: the value stays as it is until the policy is resumed"),
        (
            PauseReason.NOT_READY,
            "is not ready: the value stays as it is until the policy is; its own status says what it lacks",
        ),
    ],
)
def test_markers_of_paused_policies_are_reported(rest: PauseReason, message: str) -> None:
    paused = {"apps:unselected": rest}
    (only,) = to_status([found(FindingReason.UNKNOWN_POLICY, "apps:unselected:tag")], POLICIES, paused=paused)
    text = f"the marker names ImagePolicy 'apps:unselected', which {message}"
    assert only == ApiFinding(file="app.yaml", line=3, reason=rest, message=text)
    assert not is_event_worthy(only)


def test_each_reason_has_a_word_fit_for_an_event() -> None:
    assert set(REASONS) == set(FindingReason)
    assert all(word.isalpha() and word[0].isupper() for word in REASONS.values())
    assert len(set(REASONS.values())) == len(REASONS)


@pytest.mark.parametrize(
    "reason", [pytest.param(reason, id=reason) for reason in FindingReason if reason != "unknown-policy"]
)
def test_other_reasons_keep_their_message(reason: FindingReason) -> None:
    (only,) = to_status([found(reason)], POLICIES)
    assert only == ApiFinding(file="app.yaml", line=3, reason=REASONS[reason], message="wrong")


@pytest.mark.parametrize(
    ("reason", "want"),
    [
        pytest.param("UnknownPolicy", True, id="to-be-mended"),
        pytest.param("PolicyWithoutImage", False, id="passes-by-itself"),
    ],
)
def test_events_are_for_what_does_not_pass_by_itself(reason: str, want: bool) -> None:
    assert is_event_worthy(ApiFinding(reason=reason, message="")) is want


@pytest.mark.parametrize(
    ("count", "listed", "last"),
    [
        pytest.param(0, 0, "", id="none"),
        pytest.param(MAX_FINDINGS, MAX_FINDINGS, "wrong", id="just-as-many-as-fit"),
        pytest.param(MAX_FINDINGS + 1, MAX_FINDINGS, "2 more findings are not listed", id="one-too-many"),
        pytest.param(100, MAX_FINDINGS, "81 more findings are not listed", id="many"),
    ],
)
def test_status_lists_so_many_and_counts_the_rest(count: int, listed: int, last: str) -> None:
    result = to_status([found(file=str(number)) for number in range(count)], POLICIES)
    assert len(result) == listed
    assert (result[-1].message if result else "") == last
    assert [finding.file for finding in result[:-1]] == [str(number) for number in range(len(result[:-1]))]


@pytest.mark.parametrize(
    ("finding", "want"),
    [
        pytest.param(
            ApiFinding(file="a.yaml", line=12, reason="R", message="bad"), "a.yaml:12: bad", id="file-and-line"
        ),
        pytest.param(ApiFinding(file="a.yaml", reason="R", message="bad"), "a.yaml: bad", id="whole-file"),
        pytest.param(ApiFinding(reason="More", message="3 more"), "3 more", id="no-place"),
    ],
)
def test_line(finding: ApiFinding, want: str) -> None:
    assert format_line(finding) == want


A, B = (ApiFinding(file=name, line=1, reason="R", message="bad") for name in ("a", "b"))


@pytest.mark.parametrize(
    ("given", "want"),
    [
        pytest.param((), "", id="none"),
        pytest.param((A,), "; left out: a:1: bad", id="the-only-one"),
        pytest.param((A, B, B), "; left out: a:1: bad (and 2 more, see status.findings)", id="several"),
    ],
)
def test_summary(given: tuple[ApiFinding, ...], want: str) -> None:
    assert summarize(given) == want
