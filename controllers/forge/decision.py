"""What to do about one pull request: the rules, without I/O.

The caller says what is to be offered (`Desired`, or nothing), what the forge has for the same head and base, and what
Git says of the head branch. It then pushes if the decision says so, and only after that does to the pull request what
the decision says; a crash in between is repaired by the next run, as it finds the branch or the pull request.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

from controllers.forge.model import Desired, PullRequest, State
from controllers.forge.stamp import short_digest, text_digest

SHORT_COMMIT, MIN_COMMIT = 8, 12


class Action(StrEnum):
    """What to do with the pull request, after pushing if `Decision.push` says so."""

    NONE = "none"
    CREATE = "create"
    ADOPT = "adopt"
    """As UPDATE, with labels, reviewers and assignees: we have no record of it."""
    UPDATE = "update"
    CLOSE = "close"


class Reason(StrEnum):
    """Why; fit for the reason of a condition or event."""

    NOTHING_TO_OFFER = "NothingToOffer"
    UP_TO_DATE = "PullRequestUpToDate"
    NEW = "PullRequestOpened"
    NEW_CONTENT = "PullRequestUpdated"
    ADOPTED = "PullRequestAdopted"
    REBASED = "PullRequestRebased"
    RETRIED = "PullRequestRetried"
    BRANCH_GONE = "PullRequestBranchRestored"
    MOOT = "PullRequestMoot"
    SUPERSEDED = "PullRequestSuperseded"
    FOREIGN_COMMIT = "ForeignCommit"
    DECLINED = "PullRequestDeclined"
    LIMIT = "PullRequestLimit"
    TAKEN = "PullRequestTaken"
    """The open one is of another automation. Two that took turns at it would never end."""


class Rebase(StrEnum):
    """When a branch whose content is still right is made anew on a base that has moved."""

    CONFLICTED = "conflicted"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ForeignCommit:
    """A commit on the head branch that is not ours."""

    commit: str
    author: str


@dataclass(frozen=True, slots=True)
class HeadBranch:
    """What Git says of the head branch, compared with the current base."""

    commit: str = ""
    """Its tip; empty: there is no such branch."""
    content: str = ""
    """Digest of what it offers, as `Desired.content`; empty: nothing, or unknown."""
    foreign: ForeignCommit | None = None
    """The newest commit that is on it, not on the base, and not ours."""
    base_moved: bool = False
    """Whether the base has commits that the branch has not."""
    conflicted: bool = False
    """Whether those touch what the branch changes, so that it cannot be merged as it is."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the spec asks for."""

    rebase: Rebase = Rebase.CONFLICTED
    limit: int = 0
    """Open at once; 0: any number."""
    recreate_closed: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """What the caller has kept of former runs. Everything works without it, but for pull requests without a stamp."""

    contents: Mapping[int, str] = field(default_factory=dict)
    """The content last offered, by the number of the pull request that is ours."""
    again: Collection[int] = ()
    """Numbers of those that had a warning to be tried again; see `Warned.again`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do. `message` is for people and names no URL; the pull request has that."""

    action: Action
    reason: Reason
    message: str
    pull_request: PullRequest | None = None
    push: bool = False
    """Put the content on the current base and move the head branch there, from `HeadBranch.commit` and from nowhere
    else."""
    delete_branch: bool = False
    """Delete the head branch afterwards, if it is still at `HeadBranch.commit`."""


def digest(values: Iterable[tuple[str, str]]) -> str:
    """Return the digest of an edit. values: place (`file:line` or setter) and new value of each change, in any order.

    Neither the base nor old values count: the same values offered anew are the same content.
    """
    return short_digest(*chain.from_iterable(sorted(values)))


def decide(
    desired: Desired | None,
    found: Collection[PullRequest],
    branch: HeadBranch,
    *,
    automation: str,
    rules: Rules,
    memory: Memory,
    open_count: int,
) -> Decision:
    """Return what to do about one head and base.

    desired: None where nothing is to be offered, as the base has it all. found: those of exactly this head and base,
    newest first; closed and merged ones are only needed where none is open. automation: `namespace/name`, whose pull
    requests are ours. open_count: those of the automation that are open now, this one included.
    """
    newest = sorted(found, key=lambda entry: entry.number, reverse=True)
    current = next((entry for entry in newest if entry.state is State.OPEN), None)
    if desired is None:
        return _decide_moot(current, branch, automation=automation, memory=memory)
    if branch.foreign and not _is_merged_at(newest, branch.commit):
        return _hands_off(current, branch.foreign)
    if current:
        return _decide_open(desired, current, branch, rules=rules, memory=memory)
    return _decide_new(desired, newest, branch, rules=rules, memory=memory, open_count=open_count)


def supersede(pull_request: PullRequest, branch: HeadBranch, *, automation: str, wanted: bool) -> Decision:
    """Return what to do about an open one that no group of the automation leads to any more.

    wanted: whether its head branch is still that of another pull request, so that it has to stay.
    """
    if not _is_ours(pull_request, automation, Memory()):
        return Decision(Action.NONE, Reason.SUPERSEDED, "it is not of this automation", pull_request)
    if branch.foreign:
        return _hands_off(pull_request, branch.foreign)
    return Decision(
        Action.CLOSE,
        Reason.SUPERSEDED,
        "Superseded: nothing of what this pull request offers is offered by its branch any more.",
        pull_request,
        delete_branch=not wanted and bool(branch.commit),
    )


def _decide_moot(current: PullRequest | None, branch: HeadBranch, *, automation: str, memory: Memory) -> Decision:
    if current is None:
        return Decision(Action.NONE, Reason.NOTHING_TO_OFFER, "the base branch has it all")
    if branch.foreign:
        return _hands_off(current, branch.foreign)
    if not _is_ours(current, automation, memory):
        words = f"#{current.number} is not ours, and offers nothing that the base branch has not"
        return Decision(Action.NONE, Reason.NOTHING_TO_OFFER, words, current)
    return Decision(
        Action.CLOSE,
        Reason.MOOT,
        f"Closed, as `{current.base}` has everything that this pull request offered.",
        current,
        delete_branch=bool(branch.commit),
    )


def _decide_open(
    desired: Desired, current: PullRequest, branch: HeadBranch, *, rules: Rules, memory: Memory
) -> Decision:
    stamp = current.stamp
    if stamp and stamp.automation != desired.automation and current.number not in memory.contents:
        words = (
            f"#{current.number} from {desired.head} to {desired.base} is of the automation '{stamp.automation}'; give "
            "this one branches of its own, or close it if that one is gone"
        )
        return Decision(Action.NONE, Reason.TAKEN, words)
    reason, push = _push_reason(desired, branch, rules)
    if stamp is None or stamp.automation != desired.automation or current.number not in memory.contents:
        words = f"#{current.number} from {desired.head} to {desired.base} was open already, and is ours from now on"
        return Decision(Action.ADOPT, Reason.ADOPTED, words, current, push)
    if push:
        return Decision(Action.UPDATE, reason, _describe(reason, current), current, push)
    if stamp.content != desired.content or stamp.text != text_digest(desired.title, desired.body):
        return Decision(Action.UPDATE, Reason.NEW_CONTENT, _describe(Reason.NEW_CONTENT, current), current)
    if current.number in memory.again:
        return Decision(Action.UPDATE, Reason.RETRIED, _describe(Reason.RETRIED, current), current)
    return Decision(Action.NONE, Reason.UP_TO_DATE, f"#{current.number} is up to date", current)


def _push_reason(desired: Desired, branch: HeadBranch, rules: Rules) -> tuple[Reason, bool]:
    if not branch.commit:
        return Reason.BRANCH_GONE, True
    if branch.content != desired.content:
        return Reason.NEW_CONTENT, True
    asked = rules.rebase is Rebase.ALWAYS or (rules.rebase is Rebase.CONFLICTED and branch.conflicted)
    return Reason.REBASED, branch.base_moved and asked


def _decide_new(
    desired: Desired,
    newest: Iterable[PullRequest],
    branch: HeadBranch,
    *,
    rules: Rules,
    memory: Memory,
    open_count: int,
) -> Decision:
    for entry in newest:
        if entry.state is State.MERGED:
            break  # what was declined before something else was merged is worth another look
        if not rules.recreate_closed and _was_declined(entry, desired.content, memory):
            words = f"#{entry.number}, which offered the same, was closed without being merged; reopen it, or wait for "
            return Decision(Action.NONE, Reason.DECLINED, f"{words}a newer image", entry)
    if rules.limit and open_count >= rules.limit:
        words = f"{open_count} pull requests are open, and the limit is {rules.limit}; merge or close one"
        return Decision(Action.NONE, Reason.LIMIT, words)
    push = not branch.commit or branch.content != desired.content or branch.base_moved
    return Decision(
        Action.CREATE, Reason.NEW, f"from {desired.head} to {desired.base}", None, push or bool(branch.foreign)
    )


def _was_declined(entry: PullRequest, content: str, memory: Memory) -> bool:
    if entry.stamp and entry.stamp.closed:
        return False
    offered = memory.contents.get(entry.number) or (entry.stamp.content if entry.stamp else "")
    return entry.state is State.CLOSED and offered == content


def _is_ours(entry: PullRequest, automation: str, memory: Memory) -> bool:
    return entry.number in memory.contents or bool(entry.stamp and entry.stamp.automation == automation)


def _is_merged_at(newest: Iterable[PullRequest], commit: str) -> bool:
    """Return whether the branch is only what is left of a merge: people's commits on it are in the base, too."""
    last = next(iter(newest), None)
    return bool(last and last.state is State.MERGED and commit and is_same_commit(last.head_commit, commit))


def is_same_commit(first: str, second: str) -> bool:
    """Return whether two names mean one commit; Bitbucket Cloud answers with their beginnings."""
    short, full = sorted((first, second), key=len)
    return len(short) >= MIN_COMMIT and full.startswith(short)


def _hands_off(current: PullRequest | None, foreign: ForeignCommit) -> Decision:
    number = f"#{current.number}" if current else "the branch"
    words = (
        f"{number} has commit {foreign.commit[:SHORT_COMMIT]} by {foreign.author}, and is left alone; merge it, or "
        "delete the branch for a new one"
    )
    return Decision(Action.NONE, Reason.FOREIGN_COMMIT, words, current)


def _describe(reason: Reason, current: PullRequest) -> str:
    words = {
        Reason.BRANCH_GONE: "its branch was deleted, and is there again",
        Reason.NEW_CONTENT: "it offers what is newest now",
        Reason.RETRIED: "what did not work beside it is tried again",
        Reason.REBASED: f"it is on the current {current.base}",
    }
    return f"#{current.number}: {words[reason]}"
