"""One run over the pull requests of an automation: look, decide (`controllers.forge.decision`), do, record.

Branches are pushed before pull requests are written, each with what was read as its precondition. A crash in between
leaves a branch that the next run finds. What goes wrong with one pull request keeps no other from being served.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from api.imageupdateautomation import Finding, ImageUpdateAutomation
from api.pullrequest import OPEN, PullRequestSpec, PullRequestStatus
from controllers.forge.decision import Action, Decision, HeadBranch, Reason, Rebase, Rules, decide, supersede
from controllers.forge.errors import ForgeError
from controllers.forge.model import Desired, Forge, Outcome, PullRequest, State, Warned
from controllers.git.errors import RefMoved
from controllers.git.protocol.refs import Refs
from controllers.image.setter import parse_setter
from controllers.pullrequests.errors import FOR_ALL, PullRequestsFailed
from controllers.pullrequests.groups import Group, branch_prefix, list_groups, list_policies
from controllers.pullrequests.head_writer import HeadWriter
from controllers.pullrequests.heads import only, read_branch, read_head
from controllers.pullrequests.metrics import PullRequestMetrics
from controllers.pullrequests.records import Records
from controllers.pullrequests.run_context import Notice, RunContext
from controllers.pullrequests.wording import describe
from controllers.runtime.tracing import Span
from controllers.update.editor import Editor
from controllers.update.errors import GitOperationFailed, UpdateFailed
from controllers.update.origins import list_origins
from controllers.update.repository import Repository
from controllers.update.work import Edit, MarkedTree, Work

_VERBS: Mapping[Action, str] = {
    Action.CREATE: "opened",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.CLOSE: "closed",
}


@dataclass(frozen=True, slots=True)
class Base:
    """The branch that pull requests are for, as this run has read it, and what the whole automation makes of it."""

    refs: Refs
    tree: MarkedTree
    edit: Edit
    findings: Sequence[Finding]


@dataclass
class Offering:
    """A run. `notices` and `records` are right at any moment, also after `run` has raised."""

    repository: Repository
    forge: Forge
    editor: Editor
    spec: PullRequestSpec
    work: Work
    context: RunContext
    records: Records
    metrics: PullRequestMetrics
    notices: list[Notice] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """Why some groups have no pull request of ours."""
    _open: dict[tuple[str, str], PullRequest] = field(default_factory=dict, init=False)
    _failures: list[Exception] = field(default_factory=list, init=False)
    _open_count: int = field(default=0, init=False)
    _changed_files: Mapping[str, set[str]] = field(default_factory=dict, init=False)
    """By `namespace:policy`."""

    async def run(self, base: Base) -> None:
        """Bring all pull requests up to date. Raises PullRequestsFailed, groups.BadBranch and TemplateFailure."""
        groups = await self.editor.run(self.work, lambda: self._list_groups(base))
        try:
            listed = await self.forge.list_open(branch_prefix(self.spec, self._automation))
        except ForgeError as error:
            raise PullRequestsFailed(error, 1) from error
        self._open = {(one.head, one.base): one for one in listed}
        self._changed_files = _files_by_policy(base.edit)
        known = self.records.list_open()
        mine = [one for one in listed if self._is_mine(one)]
        self._open_count = len(mine)
        for group in groups:
            await self._guard(lambda group=group: self._offer(group, base))  # type: ignore[misc]
        wanted = {group.head for group in groups}
        for entry in mine:
            if entry.head not in wanted or entry.base != self._base:
                await self._guard(lambda entry=entry: self._supersede(entry, base, wanted=entry.head in wanted))  # type: ignore[misc]
        for record in self._list_missing(known, listed):
            await self._guard(lambda record=record: self._look_for(record, base, wanted=record.branch in wanted))  # type: ignore[misc]
        if self._failures:
            raise PullRequestsFailed(self._failures[0], len(self._failures))

    @property
    def _heads(self) -> HeadWriter:
        verified = self.spec.verified_commits
        return HeadWriter(self.repository, self.forge, self.context, self.notices, is_verified=verified)

    @property
    def _automation(self) -> ImageUpdateAutomation:
        return self.work.automation

    @property
    def _name(self) -> str:
        meta = self._automation.metadata
        return f"{meta.namespace}/{meta.name}"

    @property
    def _base(self) -> str:
        return self.repository.plan.push_branch

    @property
    def _rules(self) -> Rules:
        return Rules(Rebase(self.spec.rebase), self.spec.limit, self.spec.recreate_closed)

    @property
    def _is_full(self) -> bool:
        """Whether as many are open as may be: then nobody needs to know what became of others."""
        return 0 < self.spec.limit <= self._open_count

    @property
    def _looks_for_conflicts(self) -> bool:
        return self._rules.rebase is Rebase.CONFLICTED

    def _list_groups(self, base: Base) -> list[Group]:
        return list_groups(self.spec, self.work, base.tree, self._base, now=self.context.now)

    def _is_mine(self, entry: PullRequest) -> bool:
        stamped = entry.stamp is not None and entry.stamp.automation == self._name
        return stamped or self.records.get(entry.number) is not None

    def _list_missing(
        self, known: Sequence[PullRequestStatus], listed: Sequence[PullRequest]
    ) -> list[PullRequestStatus]:
        """Return those that were open before this run, are not listed, and of which no group has learned more."""
        still = {one.number for one in self.records.list_open()} - {one.number for one in listed}
        return [one for one in known if one.number in still]

    async def _guard(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do a step for one pull request; keep what went wrong, unless it would with all others as well."""
        try:
            await step()
        except FOR_ALL as error:
            raise PullRequestsFailed(error, 1) from error
        except (ForgeError, UpdateFailed, RefMoved) as error:
            if isinstance(error, GitOperationFailed) and error.unreachable:
                raise
            self._failures.append(error)

    async def _offer(self, group: Group, base: Base) -> None:
        """Bring the pull request of one group up to date."""
        part = await self._plan(group, base)
        current = self._open.get((group.head, self._base))
        was_open = [one for one in self.records.list_open() if (one.branch, one.base) == (group.head, self._base)]
        if not (part.contents or current or was_open):
            return
        found: Sequence[PullRequest] = (current,) if current else ()
        if not current and (was_open or not self._is_full or self.records.has_branch(group.head)):
            found = await self.forge.find(group.head, self._base)
        for entry in found:
            self._note_end(entry)
        if not (part.contents or any(entry.state is State.OPEN for entry in found)):
            return
        branch = await read_head(
            self.repository, base.refs, group, part, editor=self.editor if self._looks_for_conflicts else None
        )
        message, desired = await self._describe(group, part, base) if part.contents else ("", None)
        decision = decide(
            desired,
            found,
            branch,
            automation=self._name,
            rules=self._rules,
            memory=self.records.memory,
            open_count=self._open_count,
        )
        commit = branch.commit
        if decision.push and desired is not None:
            commit = await self._heads.push(group, part, desired, message, branch) or commit
        written = _policies_of(part)
        with self.context.tracer.span("pull request", attributes={"tagline.action": decision.action.value}) as span:
            facts = {
                "policies": list_policies(written, self._automation.metadata.namespace),
                "first_seen": self._first_seen(group.work, written),
                "trace_parent": span.trace_parent,
            }
            await self._do(decision, branch, desired, span, head=commit, facts=facts)

    async def _plan(self, group: Group, base: Base) -> Edit:
        """Return what a group changes; only files that its own policies change are read again."""
        paths = {path for key in group.work.images for path in self._changed_files.get(key, ())}
        tree = group.narrow(only(base.tree, paths))
        if not tree.files:
            return Edit(base.tree.base, replace(base.edit.update, edits={}, result=()), {})
        return await self.editor.plan(tree, group.work, is_partial=True)

    async def _describe(self, group: Group, part: Edit, base: Base) -> tuple[str, Desired]:
        template = self.repository.source.git.commit.message_template
        now = self.context.now
        message = await self.editor.render(group.work, part, template, now=now)
        desired = await self.editor.run(
            group.work, lambda: describe(self.spec, group, part, base.findings, message, now=now)
        )
        return message, desired

    def _first_seen(self, work: Work, written: Iterable[str]) -> datetime | None:
        """Return when the oldest tag of a pull request was found, as far as that is known."""
        origins = list_origins(self._automation, work.choosers, written)
        return min((one.first_seen for one in origins), default=None)

    async def _do(
        self,
        decision: Decision,
        branch: HeadBranch,
        desired: Desired | None,
        span: Span,
        *,
        head: str,
        facts: Mapping[str, object],
    ) -> None:
        """Do to the pull request what was decided, and record it; facts: about what it is to offer."""
        entry = decision.pull_request
        if decision.action is Action.NONE:
            self._note(decision, desired.head if desired else "", head)
            return
        self.context.check()
        if decision.action is Action.CREATE:
            assert desired is not None
            outcome = await self.forge.create(desired)
            self._open_count += 1
        elif decision.action is Action.CLOSE:
            assert entry is not None
            outcome = await self.forge.close(entry, decision.message)
            self._open_count -= 1
        else:
            assert entry is not None
            assert desired is not None
            outcome = await self.forge.update(entry, desired, decorate=decision.action is Action.ADOPT)
        after = self._record(decision, outcome, desired, head=head, facts=facts)
        if decision.action is Action.CREATE and not outcome.adopted:
            self.metrics.opened(after, trace_id=span.trace_id)
        if decision.delete_branch:
            await self._heads.delete(outcome.pull_request.head, branch.commit)

    def _record(
        self,
        decision: Decision,
        outcome: Outcome,
        desired: Desired | None,
        *,
        head: str,
        facts: Mapping[str, object],
    ) -> PullRequestStatus:
        entry = outcome.pull_request
        is_again = any(warned.again for warned in outcome.warnings)
        known = {"head": head, "message": _list_warnings(outcome.warnings), "retry": is_again, "reason": ""}
        if desired is not None:
            known |= {"content": desired.content, **facts}
        before = self.records.get(entry.number)
        after = self.records.put(entry, **known)
        is_adopted = outcome.adopted or decision.action is Action.ADOPT
        action = Action.ADOPT if is_adopted else decision.action
        if decision.reason is not Reason.RETRIED or not after.retry:  # one that goes on failing is no news
            self.metrics.count(_VERBS[action])
            reason = Reason.ADOPTED if is_adopted else decision.reason
            text = f"{_VERBS[action]} pull request #{entry.number} ({decision.message.rstrip('.')}): {after.url}"
            self.notices.append(Notice(reason, text))
        if after.message and (before is None or before.message != after.message):
            words = f"pull request #{entry.number}: {after.message}: {after.url}"
            self.notices.append(Notice("PullRequestIncomplete", words, is_warning=True))
        return after

    def _note(self, decision: Decision, branch: str, head: str) -> None:
        """Record why nothing is done, and say so once."""
        entry = decision.pull_request
        if entry is None:
            if decision.reason is not Reason.NOTHING_TO_OFFER:
                words = f"no pull request for '{branch}': {decision.message}"
                self.findings.append(Finding(reason=decision.reason.value, message=words))
            return
        before = self.records.get(entry.number)
        if decision.reason is Reason.UP_TO_DATE:
            self.records.put(entry, head=head, message=before.message if before else "", reason="")
            return
        if before is None and not self._is_mine(entry):
            return
        is_moot = decision.reason is Reason.NOTHING_TO_OFFER
        message = "" if is_moot else decision.message
        after = self.records.put(entry, message=message, reason="" if is_moot else decision.reason.value)
        # One that has ended and is not in the status has left it for newer ones, and was spoken of before.
        is_news = before.message != message if before else entry.state is State.OPEN
        if message and is_news:
            self.notices.append(Notice(decision.reason, f"{message}: {after.url}", is_warning=True))

    def _note_end(self, entry: PullRequest) -> None:
        """Record that one which was open was merged or closed meanwhile."""
        before = self.records.get(entry.number)
        if before is None or before.state != OPEN or entry.state is State.OPEN:
            return
        after = self.records.put(entry, message="", reason="")
        if entry.state is State.MERGED:
            with self.context.tracer.span("merge", parents=(after.trace_parent,)) as span:
                self.metrics.merged(after, entry.ended or self.context.now, trace_id=span.trace_id)
            self.notices.append(Notice("PullRequestMerged", f"pull request #{entry.number} was merged: {after.url}"))
        elif not (entry.stamp and entry.stamp.closed):
            self.metrics.count("declined")
            words = f"pull request #{entry.number} was closed without being merged: {after.url}"
            self.notices.append(Notice("PullRequestClosed", words))

    async def _look_for(self, record: PullRequestStatus, base: Base, *, wanted: bool) -> None:
        """Find out what became of one that the listing does not have."""
        found = await self.forge.find(record.branch, record.base or self._base)
        entry = next((one for one in found if one.number == record.number), None)
        if entry is None:  # deleted, or the GitRepository leads to another repository now
            self.records.drop(record.number)
            words = f"pull request #{record.number} was not found any more, and is forgotten: {record.url}"
            self.notices.append(Notice("PullRequestGone", words, is_warning=True))
        elif entry.state is not State.OPEN:
            self._note_end(entry)
        elif not wanted or entry.base != self._base:
            await self._supersede(entry, base, wanted=wanted)

    async def _supersede(self, entry: PullRequest, base: Base, *, wanted: bool) -> None:
        """Close one that the spec does not lead to any more."""
        if not self.spec.close_superseded:
            return
        branch, _ = await read_branch(self.repository, base.refs, entry.head, base.tree.base.commit)
        decision = supersede(entry, branch, automation=self._name, wanted=wanted)
        with self.context.tracer.span("pull request", attributes={"tagline.action": decision.action.value}) as span:
            await self._do(decision, branch, None, span, head=branch.commit, facts={})


def _files_by_policy(edit: Edit) -> dict[str, set[str]]:
    """Return which files each policy changes, by `namespace:policy`."""
    found: dict[str, set[str]] = {}
    for path, changed in edit.update.edits.items():
        for change in changed.changes:
            found.setdefault(parse_setter(change.setter).policy_key, set()).add(path)
    return found


def _policies_of(part: Edit) -> set[str]:
    return {parse_setter(change.setter).policy_key for result in part.update.result for change in result.changes}


def _list_warnings(warnings: Sequence[Warned]) -> str:
    return "; ".join(f"{warned.what}: {warned.message}" for warned in warnings)[:1024]
