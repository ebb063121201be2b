import pytest

from api.imageupdateautomation import Finding, ImageUpdateAutomationStatus
from api.pullrequest import CLOSED, MERGED, OPEN, PullRequestStatus
from controllers.imageupdateautomation import metrics
from testing.builders import automation


def finding(reason: str) -> Finding:
    return Finding(reason=reason, message="what is wrong")


def test_findings_are_counted_by_reason_and_some_of_them_hold_updates() -> None:
    findings = (finding("UnknownPolicy"), finding("HeldBack"), finding("HeldBack"), finding("PolicySuspended"))
    found = automation(status=ImageUpdateAutomationStatus(findings=findings))
    assert list(metrics.findings(found)) == [
        (("apps", "fleet", "UnknownPolicy"), 1),
        (("apps", "fleet", "HeldBack"), 2),
        (("apps", "fleet", "PolicySuspended"), 1),
    ]
    assert list(metrics.held_updates(found)) == [
        (("ImageUpdateAutomation", "apps", "fleet", "HeldBack"), 2),
        (("ImageUpdateAutomation", "apps", "fleet", "PolicySuspended"), 1),
    ]


def test_a_suspended_automation_has_no_findings_and_holds_nothing() -> None:
    status = ImageUpdateAutomationStatus(findings=(finding("UnknownPolicy"), finding("HeldBack")))
    found = automation(status=status, suspend=True)
    assert [*metrics.findings(found), *metrics.held_updates(found)] == []


def pull_request(number: int, state: str, reason: str = "", branch: str = "head") -> PullRequestStatus:
    return PullRequestStatus(number=number, url=f"https://git/{number}", branch=branch, state=state, reason=reason)


@pytest.mark.parametrize(
    ("pull_requests", "held"),
    [
        pytest.param([pull_request(1, OPEN, "ForeignCommit")], {"ForeignCommit": 1}, id="commit-of-a-person"),
        pytest.param([pull_request(1, CLOSED, "PullRequestDeclined")], {"PullRequestDeclined": 1}, id="declined"),
        pytest.param([pull_request(1, OPEN)], {}, id="open"),
        pytest.param(
            [pull_request(2, OPEN), pull_request(1, CLOSED, "PullRequestDeclined")], {}, id="declined-then-a-newer-one"
        ),
        pytest.param(
            [pull_request(2, MERGED), pull_request(1, CLOSED, "PullRequestDeclined")], {}, id="declined-then-merged"
        ),
    ],
)
def test_pull_requests_that_wait_for_a_person_hold_updates(
    pull_requests: list[PullRequestStatus], held: dict[str, int]
) -> None:
    found = automation(status=ImageUpdateAutomationStatus(pull_requests=tuple(pull_requests)))
    assert {labels[-1]: count for labels, count in metrics.held_updates(found)} == held
