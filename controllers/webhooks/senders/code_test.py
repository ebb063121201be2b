"""What hooks of repositories say of code, as the documentation of each forge shows it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controllers.webhooks.judge import judge
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Action, Refused

TOKEN = b"a secret"
NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)


def asked(type: str, headers: dict[str, str], payload: Any, **settings: Any) -> Accepted | Refused:
    body = json.dumps(payload).encode()
    signature = "sha256=" + hmac.new(TOKEN, body, hashlib.sha256).hexdigest()
    known = {
        "github": {"X-Hub-Signature-256": signature},
        "gitea": {"X-Gitea-Signature": signature.removeprefix("sha256=")},
        "gitlab": {"X-Gitlab-Token": TOKEN.decode()},
        "bitbucket": {"X-Hub-Signature": signature},
    }[type]
    request = Request(arrived=NOW, body=body, headers=tuple({**headers, **known}.items()))
    return judge(request, Settings(type=type, secrets=({"token": TOKEN},), **settings))


def pull(action: str, **more: Any) -> dict[str, Any]:
    return {"action": action, "number": 7, "pull_request": {"merged": action == "closed"}, **more}


def merge_request(action: str, **more: Any) -> dict[str, Any]:
    return {"object_kind": "merge_request", "object_attributes": {"action": action, **more}}


def modified(previous: str) -> dict[str, Any]:
    return {"previousTarget": {"id": previous}, "pullRequest": {"toRef": {"id": "refs/heads/main"}}}


GITHUB, GITEA, GITLAB, BITBUCKET = "X-GitHub-Event", "X-Gitea-Event", "X-Gitlab-Event", "X-Event-Key"
REF = {"ref": "refs/heads/tagline/apps-fleet"}


@pytest.mark.parametrize(
    ("type", "headers", "payload"),
    [
        pytest.param("github", {GITHUB: "push"}, REF, id="github-push"),
        pytest.param("github", {GITHUB: "pull_request"}, pull("closed"), id="github-merged"),
        pytest.param("github", {GITHUB: "pull_request"}, pull("synchronize"), id="github-pushed-to"),
        pytest.param(
            "github", {GITHUB: "pull_request"}, pull("edited", changes={"base": {"ref": {}}}), id="github-base"
        ),
        pytest.param("github", {GITHUB: "delete"}, {"ref_type": "branch"}, id="github-branch-deleted"),
        pytest.param("gitea", {GITEA: "push"}, REF, id="gitea-push"),
        pytest.param("gitea", {GITEA: "pull_request"}, pull("closed"), id="gitea-merged"),
        pytest.param("gitea", {GITEA: "pull_request"}, pull("reopened"), id="gitea-reopened"),
        pytest.param("gitea", {"X-Forgejo-Event": "pull_request_sync"}, pull("synchronized"), id="forgejo-pushed-to"),
        pytest.param("gitlab", {GITLAB: "Push Hook"}, {"object_kind": "push"}, id="gitlab-push"),
        pytest.param("gitlab", {GITLAB: "System Hook"}, {"event_name": "push"}, id="gitlab-system-hook"),
        pytest.param("gitlab", {GITLAB: "Merge Request Hook"}, merge_request("merge"), id="gitlab-merged"),
        pytest.param("gitlab", {GITLAB: "Merge Request Hook"}, merge_request("close"), id="gitlab-closed"),
        pytest.param(
            "gitlab", {GITLAB: "Merge Request Hook"}, merge_request("update", oldrev="ab"), id="gitlab-pushed"
        ),
        pytest.param("bitbucket", {BITBUCKET: "repo:push"}, {"push": {}}, id="cloud-push"),
        pytest.param("bitbucket", {BITBUCKET: "pullrequest:fulfilled"}, {"pullrequest": {}}, id="cloud-merged"),
        pytest.param("bitbucket", {BITBUCKET: "pullrequest:rejected"}, {"pullrequest": {}}, id="cloud-declined"),
        pytest.param("bitbucket", {BITBUCKET: "repo:refs_changed"}, {"changes": []}, id="data-center-push"),
        pytest.param("bitbucket", {BITBUCKET: "pr:merged"}, {"pullRequest": {}}, id="data-center-merged"),
        pytest.param("bitbucket", {BITBUCKET: "pr:modified"}, modified("refs/heads/old"), id="data-center-base"),
    ],
)
def test_change_of_code(type: str, headers: dict[str, str], payload: Any) -> None:
    verdict = asked(type, headers, payload)
    assert isinstance(verdict, Accepted)
    assert [event.action for event in verdict.events] == [Action.CODE]


@pytest.mark.parametrize(
    ("type", "headers", "payload", "detail"),
    [
        pytest.param("github", {GITHUB: "pull_request"}, pull("labeled"), "labeled", id="label-of-ours"),
        pytest.param("github", {GITHUB: "pull_request"}, pull("edited", changes={"body": {}}), "edited", id="our-text"),
        pytest.param("github", {GITHUB: "create"}, {"ref_type": "tag"}, "of a tag", id="tag"),
        pytest.param("github", {GITHUB: "issues"}, {"action": "opened"}, "issues", id="issue"),
        pytest.param("gitea", {GITEA: "pull_request"}, pull("label_updated"), "label_updated", id="gitea-label"),
        pytest.param("gitlab", {GITLAB: "Merge Request Hook"}, merge_request("update"), "update", id="gitlab-text"),
        pytest.param("gitlab", {GITLAB: "Merge Request Hook"}, merge_request("approved"), "approved", id="approval"),
        pytest.param(
            "gitlab", {GITLAB: "Tag Push Hook"}, {"object_kind": "tag_push"}, "Tag Push Hook", id="gitlab-tag"
        ),
        pytest.param("bitbucket", {BITBUCKET: "pullrequest:comment_created"}, {}, "comment_created", id="comment"),
        pytest.param("bitbucket", {BITBUCKET: "pr:modified"}, modified("refs/heads/main"), "texts", id="center-text"),
        pytest.param("bitbucket", {BITBUCKET: "diagnostics:ping"}, {"test": True}, "ping", id="ping"),
    ],
)
def test_other_events_change_nothing(type: str, headers: dict[str, str], payload: Any, detail: str) -> None:
    verdict = asked(type, headers, payload)
    assert isinstance(verdict, Accepted)
    assert [event.action is Action.CODE for event in verdict.events] == [False]
    assert detail in verdict.events[0].detail


def test_events_may_be_restricted() -> None:
    verdict = asked("gitlab", {GITLAB: "Push Hook"}, {"object_kind": "push"}, events=("Merge Request Hook",))
    assert isinstance(verdict, Accepted)
    assert [event.action for event in verdict.events] == [Action.OTHER]


@pytest.mark.parametrize("given", ["", "sha1=" + "0" * 40, "sha256=" + "0" * 64])
def test_bitbucket_has_to_sign(given: str) -> None:
    headers = {BITBUCKET: "repo:push", **({"X-Hub-Signature": given} if given else {})}
    settings = Settings(type="bitbucket", secrets=({"token": TOKEN},))
    assert isinstance(judge(Request(arrived=NOW, body=b"{}", headers=tuple(headers.items())), settings), Refused)


@pytest.mark.parametrize("payload", [[], {"action": 1}, {"object_attributes": []}, {"object_kind": {}}, {"changes": 7}])
@pytest.mark.parametrize(
    ("type", "headers"),
    [("github", {GITHUB: "pull_request"}), ("gitea", {GITEA: "pull_request"}), ("gitlab", {GITLAB: "Push Hook"})],
)
def test_odd_payloads_change_nothing(type: str, headers: dict[str, str], payload: Any) -> None:
    verdict = asked(type, headers, payload)
    assert isinstance(verdict, Refused) or [event.action is Action.CODE for event in verdict.events] == [False]
