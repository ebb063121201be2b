"""What hooks of repositories say of code: branches and pull requests. Nothing is read of which, nor of whose.

A pull request counts when it is opened, merged or closed, when commits are pushed to it, and when it gets another base.
What we change ourselves of an open one (title, text, labels, reviewers) would only wake us again.
"""

from collections.abc import Mapping
from typing import Any, Final

from controllers.webhooks.payload import child, text
from controllers.webhooks.senders.sender import nothing
from controllers.webhooks.verdict import Action, Event

EVENTS: Final = frozenset(("push", "create", "delete", "pull_request", "pull_request_sync"))
"""Words of GitHub, Gitea and Forgejo for events that are about code."""
_CHANGES: Final = frozenset(("opened", "reopened", "closed", "synchronize", "synchronized", "deleted"))
_MERGE_REQUEST_CHANGES: Final = frozenset(("open", "reopen", "close", "merge"))
_BITBUCKET: Final = frozenset(
    (
        "repo:push", "pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled", "pullrequest:rejected",
        "repo:refs_changed", "pr:opened", "pr:from_ref_updated", "pr:modified", "pr:merged", "pr:declined",
        "pr:deleted",
    )
)  # fmt: skip
"""Of Bitbucket Cloud, then of Data Center. `pullrequest:updated` does not say whether it is about commits or texts."""


def changed(detail: str) -> Event:
    """Return the event of a change of code. detail: what has changed, for people."""
    return Event(Action.CODE, detail=detail)


def read_event(event: str, payload: Mapping[str, Any]) -> Event:
    """Return what an event of GitHub, Gitea or Forgejo means; event: one of EVENTS. Raises Refusal."""
    if event == "push":
        return changed("a push")
    if event in ("create", "delete"):
        kind = text(payload, "ref_type")
        return (
            changed(f"{event} of a branch") if kind == "branch" else nothing(f"{event} of a {kind} is no change here")
        )
    action = text(payload, "action")
    if action in _CHANGES or (action == "edited" and child(payload, "changes", "base")):
        return changed(f"a pull request was {action}")
    return nothing(f"the action {action} of a pull request is no change here")


def read_gitlab(payload: Mapping[str, Any]) -> Event | None:
    """Return what a hook of a project, a group or the system means; None where it is not about code. Raises Refusal."""
    kind = text(payload, "object_kind") or text(payload, "event_name")
    if kind == "push":
        return changed("a push")
    if kind != "merge_request":
        return None
    attributes = child(payload, "object_attributes")
    action = text(attributes, "action")
    has_moved = action == "update" and (text(attributes, "oldrev") or child(payload, "changes", "target_branch"))
    if action in _MERGE_REQUEST_CHANGES or has_moved:
        return changed(f"a merge request: {action}")
    return nothing(f"the action {action} of a merge request is no change here")


def read_bitbucket(event: str, payload: Any) -> Event:
    """Return what an event of Bitbucket means. Raises Refusal."""
    if event == "pr:modified":
        before = text(payload, "previousTarget", "id")
        if before and before == text(payload, "pullRequest", "toRef", "id"):
            return nothing(f"the event {event} is about texts alone")
    return changed(event) if event in _BITBUCKET else nothing(f"the event {event} is no change here")
