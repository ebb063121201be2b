"""The rules, without I/O: one table for what is to be offered, one for what is not, and one for what is left over."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.forge.decision import (
    Action,
    ForeignCommit,
    HeadBranch,
    Memory,
    Reason,
    Rebase,
    Rules,
    decide,
    digest,
    supersede,
)
from controllers.forge.model import Desired, PullRequest, Stamp, State
from controllers.forge.stamp import text_digest

AUTOMATION = "apps/web"
OLD, NEW = digest([("web", "1.1.0")]), digest([("web", "1.2.0")])
A, B = "a" * 40, "b" * 40
WANTED = Desired("tagline/web", "main", "Update web", "1.2.0", AUTOMATION, NEW)
TEXT = text_digest(WANTED.title, WANTED.body)
CURRENT = Stamp(AUTOMATION, NEW, TEXT)
OUTDATED = Stamp(AUTOMATION, OLD, text_digest("Update web", "1.1.0"))
PERSON = ForeignCommit(B, "alice")
OURS = HeadBranch(A, NEW)
MOVED = replace(OURS, base_moved=True)
CONFLICTED = replace(MOVED, conflicted=True)


def pull(
    number: int = 7, state: State = State.OPEN, stamp: Stamp | None = CURRENT, head_commit: str = A
) -> PullRequest:
    return PullRequest(number, f"https://git.example/{number}", state, "tagline/web", "main", head_commit, stamp=stamp)


def merged(number: int = 7, head_commit: str = A) -> PullRequest:
    return pull(number, State.MERGED, head_commit=head_commit)


def closed(number: int = 7, stamp: Stamp | None = CURRENT) -> PullRequest:
    return pull(number, State.CLOSED, stamp)


REMEMBERED = Memory({7: NEW})
ALWAYS, NEVER, ONE, AGAIN = Rules(Rebase.ALWAYS), Rules(Rebase.NEVER), Rules(limit=1), Rules(recreate_closed=True)


@pytest.mark.parametrize(
    ("found", "branch", "rules", "memory", "action", "reason", "push"),
    [
        # 1 One that is open for head and base is found before anything is made, whoever opened it.
        pytest.param([], HeadBranch(), Rules(), Memory(), Action.CREATE, Reason.NEW, True, id="new"),
        pytest.param([pull()], OURS, Rules(), REMEMBERED, Action.NONE, Reason.UP_TO_DATE, False, id="up-to-date"),
        pytest.param([pull(stamp=None)], OURS, Rules(), Memory(), Action.ADOPT, Reason.ADOPTED, False, id="by-hand"),
        pytest.param([pull()], OURS, Rules(), Memory(), Action.ADOPT, Reason.ADOPTED, False, id="crash-after-create"),
        pytest.param([], OURS, Rules(), Memory(), Action.CREATE, Reason.NEW, False, id="crash-after-push"),
        pytest.param(
            [pull(stamp=replace(CURRENT, automation="apps/api"))], HeadBranch(A, OLD), ALWAYS, Memory(), Action.NONE,
            Reason.TAKEN, False, id="of-another-automation",
        ),
        pytest.param(
            [pull(stamp=replace(CURRENT, automation="apps/api"))], OURS, Rules(), REMEMBERED, Action.ADOPT,
            Reason.ADOPTED, False, id="stamp-of-another-but-ours-by-record",
        ),
        # 2 One stable branch, updated in place.
        pytest.param(
            [pull(stamp=OUTDATED)], HeadBranch(A, OLD), Rules(), Memory({7: OLD}), Action.UPDATE, Reason.NEW_CONTENT,
            True, id="newer-tag",
        ),
        pytest.param(
            [pull(stamp=OUTDATED)], OURS, Rules(), Memory({7: OLD}), Action.UPDATE, Reason.NEW_CONTENT, False,
            id="crash-between-push-and-update",
        ),
        pytest.param(
            [pull(stamp=replace(CURRENT, text="0" * 16))], OURS, Rules(), REMEMBERED, Action.UPDATE,
            Reason.NEW_CONTENT, False, id="template-changed",
        ),
        pytest.param(
            [pull()], OURS, Rules(), Memory({7: NEW}, again=[7]), Action.UPDATE, Reason.RETRIED, False, id="again"
        ),
        # 4 A person's commit on the branch: hands off.
        pytest.param(
            [pull(stamp=OUTDATED)], HeadBranch(B, "", PERSON), Rules(), Memory({7: OLD}), Action.NONE,
            Reason.FOREIGN_COMMIT, False, id="foreign-commit",
        ),
        pytest.param(
            [], HeadBranch(B, "", PERSON), Rules(), Memory(), Action.NONE, Reason.FOREIGN_COMMIT, False,
            id="foreign-branch",
        ),
        pytest.param(
            [closed(stamp=OUTDATED)], HeadBranch(B, "", PERSON), Rules(), Memory(), Action.NONE,
            Reason.FOREIGN_COMMIT, False, id="foreign-commit-closed",
        ),
        pytest.param(
            [merged(head_commit=B)], HeadBranch(B, "", PERSON), Rules(), Memory(), Action.CREATE, Reason.NEW, True,
            id="foreign-commit-that-was-merged",
        ),
        pytest.param(
            [merged(head_commit=B[:12])], HeadBranch(B, "", PERSON), Rules(), Memory(), Action.CREATE, Reason.NEW, True,
            id="foreign-commit-that-was-merged-short-name",
        ),
        pytest.param(
            [merged(head_commit=A)], HeadBranch(B, "", PERSON), Rules(), Memory(), Action.NONE,
            Reason.FOREIGN_COMMIT, False, id="foreign-commit-after-the-merge",
        ),
        # 5 Closed by a person: not this content again, but the next one.
        pytest.param([closed()], OURS, Rules(), Memory(), Action.NONE, Reason.DECLINED, False, id="declined"),
        pytest.param(
            [closed()], HeadBranch(), Rules(), Memory(), Action.NONE, Reason.DECLINED, False,
            id="declined-and-branch-deleted",
        ),
        pytest.param(
            [closed(stamp=None)], OURS, Rules(), REMEMBERED, Action.NONE, Reason.DECLINED, False,
            id="declined-and-stamp-taken-out",
        ),
        pytest.param([closed()], OURS, AGAIN, Memory(), Action.CREATE, Reason.NEW, False, id="declined-but-recreate"),
        pytest.param(
            [closed(stamp=OUTDATED)], HeadBranch(A, OLD), Rules(), Memory(), Action.CREATE, Reason.NEW, True,
            id="declined-then-newer-tag",
        ),
        pytest.param(
            [closed(stamp=replace(CURRENT, closed=True))], HeadBranch(), Rules(), Memory(), Action.CREATE, Reason.NEW,
            True, id="closed-by-us",
        ),
        pytest.param(
            [merged(8), closed(7)], HeadBranch(), Rules(), Memory(), Action.CREATE, Reason.NEW, True,
            id="declined-before-another-was-merged",
        ),
        pytest.param(
            [closed(9, OUTDATED), closed(8)], HeadBranch(), Rules(), Memory(), Action.NONE, Reason.DECLINED, False,
            id="declined-before-another-was-declined",
        ),
        # Branch deleted or merged: a clean start.
        pytest.param(
            [pull()], HeadBranch(), Rules(), REMEMBERED, Action.UPDATE, Reason.BRANCH_GONE, True, id="branch-deleted"
        ),
        pytest.param(
            [merged()], MOVED, Rules(), REMEMBERED, Action.CREATE, Reason.NEW, True, id="merged-and-branch-left-over"
        ),
        pytest.param([merged()], HeadBranch(), Rules(), REMEMBERED, Action.CREATE, Reason.NEW, True, id="merged"),
        # Base moved: made anew only as asked.
        pytest.param([pull()], MOVED, Rules(), REMEMBERED, Action.NONE, Reason.UP_TO_DATE, False, id="moved"),
        pytest.param([pull()], CONFLICTED, Rules(), REMEMBERED, Action.UPDATE, Reason.REBASED, True, id="conflicted"),
        pytest.param([pull()], MOVED, ALWAYS, REMEMBERED, Action.UPDATE, Reason.REBASED, True, id="moved-always"),
        pytest.param([pull()], OURS, ALWAYS, REMEMBERED, Action.NONE, Reason.UP_TO_DATE, False, id="not-moved-always"),
        pytest.param([pull()], CONFLICTED, NEVER, REMEMBERED, Action.NONE, Reason.UP_TO_DATE, False, id="never"),
        # Limit.
        pytest.param([], HeadBranch(), ONE, Memory(), Action.NONE, Reason.LIMIT, False, id="limit"),
        pytest.param([pull()], OURS, ONE, REMEMBERED, Action.NONE, Reason.UP_TO_DATE, False, id="limit-but-open"),
    ],
)  # fmt: skip
def test_what_is_to_be_offered(
    found: list[PullRequest],
    branch: HeadBranch,
    rules: Rules,
    memory: Memory,
    action: Action,
    reason: Reason,
    push: bool,
) -> None:
    decision = decide(WANTED, found, branch, automation=AUTOMATION, rules=rules, memory=memory, open_count=1)
    assert (decision.action, decision.reason, decision.push) == (action, reason, push)
    assert not decision.delete_branch
    assert decision.message


@pytest.mark.parametrize(
    ("found", "branch", "memory", "action", "reason", "delete"),
    [
        # 3 No difference: no pull request, and ours is closed.
        pytest.param([], HeadBranch(), Memory(), Action.NONE, Reason.NOTHING_TO_OFFER, False, id="none"),
        pytest.param([pull()], OURS, Memory(), Action.CLOSE, Reason.MOOT, True, id="ours"),
        pytest.param([pull()], HeadBranch(), Memory(), Action.CLOSE, Reason.MOOT, False, id="ours-without-branch"),
        pytest.param([pull(stamp=None)], OURS, REMEMBERED, Action.CLOSE, Reason.MOOT, True, id="remembered"),
        pytest.param([pull(stamp=None)], OURS, Memory(), Action.NONE, Reason.NOTHING_TO_OFFER, False, id="by-hand"),
        pytest.param(
            [pull(stamp=replace(CURRENT, automation="apps/api"))], OURS, Memory(), Action.NONE,
            Reason.NOTHING_TO_OFFER, False, id="of-another-automation",
        ),
        pytest.param(
            [pull()], HeadBranch(B, "", PERSON), REMEMBERED, Action.NONE, Reason.FOREIGN_COMMIT, False, id="foreign"
        ),
        pytest.param([merged()], OURS, Memory(), Action.NONE, Reason.NOTHING_TO_OFFER, False, id="merged-by-squash"),
        pytest.param([closed()], OURS, Memory(), Action.NONE, Reason.NOTHING_TO_OFFER, False, id="declined"),
    ],
)  # fmt: skip
def test_what_is_not_to_be_offered_any_more(
    found: list[PullRequest], branch: HeadBranch, memory: Memory, action: Action, reason: Reason, delete: bool
) -> None:
    decision = decide(None, found, branch, automation=AUTOMATION, rules=Rules(), memory=memory, open_count=1)
    assert (decision.action, decision.reason, decision.delete_branch) == (action, reason, delete)
    assert not decision.push


@pytest.mark.parametrize(
    ("entry", "branch", "wanted", "action", "reason", "delete"),
    [
        pytest.param(pull(), OURS, False, Action.CLOSE, Reason.SUPERSEDED, True, id="ours"),
        pytest.param(pull(), OURS, True, Action.CLOSE, Reason.SUPERSEDED, False, id="branch-has-another-base-now"),
        pytest.param(pull(), HeadBranch(), False, Action.CLOSE, Reason.SUPERSEDED, False, id="branch-gone"),
        pytest.param(pull(stamp=None), OURS, False, Action.NONE, Reason.SUPERSEDED, False, id="by-hand"),
        pytest.param(pull(), HeadBranch(B, "", PERSON), False, Action.NONE, Reason.FOREIGN_COMMIT, False, id="foreign"),
    ],
)
def test_what_no_group_leads_to(
    entry: PullRequest, branch: HeadBranch, wanted: bool, action: Action, reason: Reason, delete: bool
) -> None:
    decision = supersede(entry, branch, automation=AUTOMATION, wanted=wanted)
    assert (decision.action, decision.reason, decision.delete_branch) == (action, reason, delete)


def test_a_persons_commit_is_never_pushed_over_closed_or_deleted() -> None:
    entries = [[], [pull()], [pull(stamp=None)], [closed()], [merged(head_commit=A)], [merged(8, A), closed(7)]]
    for wanted, found, rebase, again, known in product(
        (None, WANTED), entries, Rebase, (False, True), (Memory(), REMEMBERED)
    ):
        decision = decide(
            wanted,
            found,
            HeadBranch(B, "", PERSON, base_moved=True, conflicted=True),
            automation=AUTOMATION,
            rules=Rules(rebase, 0, again),
            memory=known,
            open_count=0,
        )
        assert (decision.action, decision.push, decision.delete_branch) == (Action.NONE, False, False)


def test_messages_name_the_person_and_what_to_do() -> None:
    decision = decide(
        WANTED, [pull()], HeadBranch(B, "", PERSON), automation=AUTOMATION, rules=Rules(), memory=Memory(), open_count=1
    )
    assert decision.message == (
        "#7 has commit bbbbbbbb by alice, and is left alone; merge it, or delete the branch for a new one"
    )
    declined = decide(WANTED, [closed()], OURS, automation=AUTOMATION, rules=Rules(), memory=Memory(), open_count=1)
    assert declined.message == (
        "#7, which offered the same, was closed without being merged; reopen it, or wait for a newer image"
    )


def test_a_decision_that_is_done_leads_to_rest() -> None:
    # Whatever is decided, the run after it has nothing more to do.
    for branch, rules in product((HeadBranch(), HeadBranch(A, OLD), OURS, CONFLICTED), (Rules(), ALWAYS, NEVER)):
        for found in ([], [pull(stamp=OUTDATED)], [pull(stamp=None)], [merged()]):
            first = decide(WANTED, found, branch, automation=AUTOMATION, rules=rules, memory=Memory(), open_count=0)
            after = branch if not first.push else OURS
            number = first.pull_request.number if first.pull_request else 9
            second = decide(
                WANTED,
                [pull(number), *found[1:]],
                after,
                automation=AUTOMATION,
                rules=rules,
                memory=Memory({number: NEW}),
                open_count=1,
            )
            assert second.action is Action.NONE, (branch, rules, found)


values = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=6)


@settings(deadline=None)
@given(values)
def test_digest_ignores_order(entries: list[tuple[str, str]]) -> None:
    assert digest(entries) == digest(reversed(entries))


@settings(deadline=None)
@given(values, values)
def test_digests_of_different_edits_differ(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    assert (digest(one) == digest(other)) is (sorted(one) == sorted(other))
