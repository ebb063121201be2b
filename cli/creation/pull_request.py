"""The flags of `create image update` for pull requests and for targets without a marker."""

from typing import Any, Final

from api.pullrequest import BY_AUTOMATION, BY_FOLDER, BY_IMAGE, BY_POLICY, FORGES
from cli.creation.command import Spec, reference, without_unset
from cli.grammar.flags import INT, Flag, repeated, switch, text
from cli.grammar.session import Failed

_GROUPS: Final = (BY_AUTOMATION, BY_POLICY, BY_FOLDER, BY_IMAGE)
_REBASES: Final = ("conflicted", "always", "never")
_METHODS: Final = ("merge", "squash", "rebase")
_PARTS: Final = ("image", "name", "tag", "digest")
_MAX_LIMIT: Final = 100
_PREFIX: Final = "pull_request_"


def _close_superseded() -> Flag:
    flag = switch(
        "--pull-request-close-superseded", help="=false leaves pull requests open that nothing leads to any more"
    )
    flag.default = None  # not given is neither
    return flag


FLAGS: Final = (
    text("--pull-request", help=f"offer changes as pull requests at this forge: {', '.join(FORGES)}"),
    text("--pull-request-api", help="address of the forge's API, if it is not at its usual place"),
    text("--pull-request-secret", help="Secret with a token for the API, if not the GitRepository's login"),
    text("--pull-request-branch", help="Go template of the head branch"),
    text("--pull-request-group-by", help=f"what gets a pull request of its own: {', '.join(_GROUPS)}"),
    text("--pull-request-title", help="Go template of the title"),
    text("--pull-request-body", help="Go template of the description"),
    repeated("--pull-request-label", help="label to add; may be repeated"),
    repeated("--pull-request-reviewer", help="whom to ask for a review; may be repeated"),
    repeated("--pull-request-assignee", help="whom to assign it to; may be repeated"),
    switch("--pull-request-draft", help="open drafts"),
    text("--pull-request-auto-merge", help=f"have the forge merge by itself: {', '.join(_METHODS)}"),
    _close_superseded(),
    text("--pull-request-rebase", help=f"when to follow the base branch: {', '.join(_REBASES)}"),
    Flag("--pull-request-limit", type=INT, default=0, help="how many may be open at once; 0 is any number"),
    switch("--pull-request-verified-commits", help="have the forge make and sign commits, where it can"),
    switch("--pull-request-recreate-closed", help="offer again what a person has closed without merging"),
)

TARGET: Final = repeated(
    "--update-target",
    help="value to write that has no marker, FILE#PATH=POLICY[#image|name|tag|digest], e.g. "
    "'values.json#$.image.tag=web#tag'; may be repeated",
)


def build_pull_request(flags: Any) -> Spec | None:
    """Return `spec.git.pullRequest`, None where it is not asked for. Raises Failed."""
    given = {name: value for name, value in vars(flags).items() if name.startswith(_PREFIX) and value}
    if not flags.pull_request:
        if given or flags.pull_request_close_superseded is not None:
            name = min(given, default=f"{_PREFIX}close_superseded").replace("_", "-")
            raise Failed(f"--{name} needs --pull-request, e.g. --pull-request=auto")
        return None
    _require("--pull-request", flags.pull_request, FORGES)
    _require("--pull-request-group-by", flags.pull_request_group_by, _GROUPS)
    _require("--pull-request-rebase", flags.pull_request_rebase, _REBASES)
    _require("--pull-request-auto-merge", flags.pull_request_auto_merge, _METHODS)
    if flags.push_branch or flags.push_refspec:
        flag = "--push-branch" if flags.push_branch else "--push-refspec"
        raise Failed(f"{flag} cannot be combined with --pull-request, which names its own branch")
    if not flags.checkout_branch:
        raise Failed("--pull-request needs --checkout-branch: the branch that pull requests are for")
    if flags.hold_reverted:
        raise Failed("--hold-reverted cannot be combined with --pull-request: closing one declines what it offers")
    if flags.pull_request_draft and flags.pull_request_auto_merge:
        raise Failed("--pull-request-draft cannot be combined with --pull-request-auto-merge: a draft is not merged")
    if not 0 <= flags.pull_request_limit <= _MAX_LIMIT:
        limit = flags.pull_request_limit
        raise Failed(f"--pull-request-limit {limit} is out of range; it can be from 0 to {_MAX_LIMIT}")
    close = flags.pull_request_close_superseded
    auto_merge = flags.pull_request_auto_merge
    return (
        {"forge": flags.pull_request}
        | without_unset(
            {
                "api": flags.pull_request_api,
                "secretRef": reference(flags.pull_request_secret),
                "branch": flags.pull_request_branch,
                "groupBy": flags.pull_request_group_by,
                "titleTemplate": flags.pull_request_title,
                "bodyTemplate": flags.pull_request_body,
                "labels": list(flags.pull_request_label),
                "reviewers": list(flags.pull_request_reviewer),
                "assignees": list(flags.pull_request_assignee),
                "draft": flags.pull_request_draft,
                "autoMerge": {"method": auto_merge} if auto_merge else None,
                "rebase": flags.pull_request_rebase,
                "limit": flags.pull_request_limit,
                "verifiedCommits": flags.pull_request_verified_commits,
                "recreateClosed": flags.pull_request_recreate_closed,
            }
        )
        | ({} if close is None else {"closeSuperseded": close})
    )


def build_targets(texts: tuple[str, ...]) -> list[Spec]:
    """Return `spec.update.targets`. Raises Failed."""
    return [_target(one) for one in texts]


def _target(text_: str) -> Spec:
    place, equals, chosen = text_.rpartition("=")
    file, hash_, path = place.partition("#")
    policy, _, part = chosen.partition("#")
    if not (equals and hash_ and file and path[:1] in ("$", "/") and policy):
        raise Failed(f"--update-target '{text_}': write FILE#PATH=POLICY, e.g. 'values.json#$.image.tag=web#tag'")
    _require(f"--update-target '{text_}'", part, _PARTS)
    return {"file": file, "path": path, "policy": policy} | ({"part": part} if part else {})


def _require(flag: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise Failed(f"{flag}: '{value}' is none of {', '.join(known)}")
