"""The ImageUpdateAutomation algorithm: policies, references, edits, commit, push, record.

Follows https://fluxcd.io/flux/components/image/imageupdateautomations/; reasons are Flux's, sentences those of Flux
2.1. Ours, not Flux's: every new generation makes a full run, a lost push race is re-applied on the new tip at once,
and what a marker or file lacks is reported as findings while the others are updated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from api.core import Namespace
from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import Finding, Written
from api.names import STALLED
from api.pullrequest import OPEN
from controllers.forge.model import Forge
from controllers.git.errors import PushRejected, RefMoved, Unreachable
from controllers.git.protocol.refs import Refs, Tip, branch_tip
from controllers.git.protocol.refspec import parse_refspec
from controllers.git.protocol.session import Check
from controllers.git.remote import Remote
from controllers.gitaccess.branches import BranchPlan
from controllers.gitaccess.forge import ForgeAccess
from controllers.gitaccess.git import Git
from controllers.gitaccess.source import SourceReader
from controllers.golang.duration import parse_duration
from controllers.image.setter import parse_setter
from controllers.imageupdateautomation import effects, messages
from controllers.imageupdateautomation.expected_tips import ExpectedTips, observed_revision
from controllers.imageupdateautomation.metrics import PushMetrics
from controllers.imageupdateautomation.outcomes import ON_ERROR
from controllers.imageupdateautomation.policies import AutomationRun, PolicyReader
from controllers.pullrequests.metrics import PullRequestMetrics
from controllers.pullrequests.offering import Base, Offering
from controllers.pullrequests.records import Records, summarize_open
from controllers.pullrequests.run_context import RunContext
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.protocols import ObjectCache
from controllers.runtime.reconcile.bounds import add_notes, explain_interval, read_interval
from controllers.runtime.reconcile.conditions import is_failing, is_true
from controllers.runtime.reconcile.outcome import Outcome, Ready, outcome_of
from controllers.runtime.tracing import NO_TRACER, Span
from controllers.update import findings, recovery, reverts
from controllers.update.editor import Editor
from controllers.update.errors import GitOperationFailed, UpdateFailed
from controllers.update.origins import list_origins
from controllers.update.publish import PushContext, publish
from controllers.update.repository import Repository
from controllers.update.work import Edit, MarkedTree, Published, Work, plan_work

MAX_COMMITS_BEHIND = 10
"""After a crash: how many commits of others may be on top of ours."""
MAX_PUSH_ATTEMPTS = 5
"""Pushes of one run; after that many lost races the update is left to the next run."""

Forges = Callable[[ForgeAccess, Remote, Check], Forge]


@dataclass(frozen=True, slots=True)
class _Change:
    """What became of the files of a commit."""

    work: Work
    plan: BranchPlan
    tip: Tip
    """Of the reference to check out."""
    edit: Edit
    left_out: tuple[Finding, ...]
    pushed: Published | None
    retries: int
    """How many races were lost before."""


class ImageUpdateAutomationReconciler:
    """Updates one repository a run. Called for many objects at the same time."""

    def __init__(
        self,
        git: Git,
        sources: SourceReader,
        *,
        policies: ObjectCache[ImagePolicy],
        forges: Forges,
        metrics: PullRequestMetrics,
        pushes: PushMetrics,
        now: Callable[[], datetime],
        namespaces: ObjectCache[Namespace] | None = None,
    ) -> None:
        """Build it; `policies`: those of all namespaces that are watched.

        forges: returns a repository at its forge, whose writes call the check. now: the time, for when a push is done
        namespaces: all, where policies of other namespaces may be used
        """
        self._git = git
        self._sources = sources
        self._policies = PolicyReader(policies, namespaces)
        self._editor = Editor()
        self._forges = forges
        self._metrics = metrics
        self._pushes = pushes
        self._now = now
        self._expected = ExpectedTips()
        self._recorded: dict[Key, datetime] = {}
        """Start of each automation's last run that was completed in this process."""

    def forget(self, automation: Key) -> None:
        """Drop what is remembered about an automation that is gone."""
        self._recorded.pop(automation, None)
        self._expected.forget(automation)
        self._policies.forget(automation)
        self._metrics.forget(automation)

    async def reconcile(self, run: AutomationRun) -> Outcome:
        """Do one pass: a look at the remote when nothing changed, else edits, a commit and a push."""
        run.status = replace(run.status, last_automation_run_time=run.now)
        notes: list[str] = []
        try:
            outcome = await self._update_if_due(run, notes)
        except tuple(ON_ERROR) as error:
            return add_notes(outcome_of(error, ON_ERROR), notes)
        self._recorded[key_of(run.object)] = run.now
        self._policies.complete(run)
        return add_notes(outcome, notes)

    async def _update_if_due(self, run: AutomationRun, notes: list[str]) -> Ready:
        # A duration that cannot be read stalls before anything is pushed.
        notes.append(explain_interval("spec.interval", run.object.spec.interval))
        parse_duration(run.object.spec.policy_change_delay or "0s")
        work = await self._plan(run)
        parents = () if run.tracer is NO_TRACER else work.traces_of_news(run.status.observed_policies)
        with run.tracer.span("update", parents=parents, attributes=run.trace_attributes) as span:
            return await self._update_repository(run, work, notes, span)

    async def _plan(self, run: AutomationRun, *, now: bool = False) -> Work:
        """Return what is to be written; now: by what the policies are on the server now."""
        return plan_work(run.object, await self._policies.list(run, now=now), self._policies.reach)

    async def _update_repository(self, run: AutomationRun, work: Work, notes: list[str], span: Span) -> Ready:
        repository = Repository(self._git, await self._sources.read(run.object))
        notes.append(repository.source.note)
        await self._check(run, work, repository)
        if repository.source.forge is not None:
            return await self._offer(run, work, repository, repository.source.forge, notes)
        notes.append(_leave_open(run))
        self._metrics.forget(key_of(run.object))
        listed = None
        if not _must_update(run, work, repository.plan):
            listed = await self._look(run, repository)
            if listed[1].revision == run.status.observed_source_revision:
                message = "no change since last reconciliation"
                return Ready(messages.no_updates(run.status), requeue_after=_interval(run), no_change=message)
        async with self._git.lock_branch(repository.source.remote, repository.plan.push_branch) as is_uncontended:
            change: _Change | None = None
            if not is_uncontended:
                listed = None  # the writer before us has changed it
            elif listed is None:
                change = await self._change_unseen(run, work, repository)
            if change and change.pushed:
                return self._conclude(run, change, change.pushed, span)
            for attempt in range(MAX_PUSH_ATTEMPTS):
                try:
                    refs, tip = listed or await self._look(run, repository)
                    if change is None or change.tip != tip:
                        change = await self._change(run, work, repository, refs=refs, tip=tip, retries=attempt)
                    published = change.pushed or await self._recover(run, change.work, repository, change.edit.base)
                    return self._conclude(run, change, published, span)
                except RefMoved as error:
                    self._pushes.retries.inc()
                    lost, listed, change = error, None, None
        raise GitOperationFailed(
            f"failed to update source: failed to push to remote: {lost} ({MAX_PUSH_ATTEMPTS} times in a row)"
        )

    async def _check(self, run: AutomationRun, work: Work, repository: Repository) -> None:
        """Raise what is wrong with a spec now, not only once there is something to push.

        A spec whose templates failed was never observed, so that they are looked at again.
        """
        if repository.plan.refspec:
            parse_refspec(repository.plan.refspec)
        git = run.object.spec.git
        if git is None or not run.new_generation:
            return
        texts = [git.commit.message_template]
        if git.pull_request is not None:
            texts += [git.pull_request.branch, git.pull_request.title_template, git.pull_request.body_template]
        if wanted := [text for text in texts if text]:
            await self._editor.check(work, wanted)

    async def _look(self, run: AutomationRun, repository: Repository) -> tuple[Refs, Tip]:
        refs, tip = await repository.list_refs()
        self._expected.record_look(run, tip)
        return refs, tip

    async def _change_unseen(self, run: AutomationRun, work: Work, repository: Repository) -> _Change | None:
        """Push on top of where the last run left the branch; None where that has no use, or finds it elsewhere.

        What else is wrong with the remote is told by a look, unless that would only be the same again.
        """
        tip = None if self._is_unrecorded(run) else self._expected.find(run, work, repository.plan)
        if tip is None:
            return None
        refs = Refs(repository.source.remote.url, {tip.ref: tip.commit}, {}, {})
        try:
            return await self._change(run, work, repository, refs=refs, tip=tip)
        except RefMoved:
            return None
        except UpdateFailed as error:
            if isinstance(error.__cause__, Unreachable | PushRejected):
                raise
            return None

    async def _change(
        self, run: AutomationRun, work: Work, repository: Repository, *, refs: Refs, tip: Tip, retries: int = 0
    ) -> _Change:
        """Edit, commit and push what differs. Raises RefMoved when somebody else was faster."""
        plan = repository.plan
        ours = branch_tip(refs, plan.push_branch) if plan.continues else None
        # A push branch that is made anew begins with former values that nobody put back.
        watched = run.status.written if work.hold_reverted and (ours or not plan.switch) else ()
        edit = await self._editor.edit(repository, work, ours or tip, reverts=reverts.to_reverts(watched))
        is_settled = not edit.contents and recovery.is_recorded(run.status, edit.base.commit)
        if not is_settled and self._is_unrecorded(run):
            # Choices that this process has not received may be there: nothing must take them back, or miss them.
            cached, work = work, await self._plan(run, now=True)
            if work.images != cached.images:
                edit = await self._editor.edit(repository, work, ours or tip, reverts=reverts.to_reverts(watched))
        left_out = await self._list_findings(run, work, edit)
        pushed = await self._push(run, work, repository, edit, refs=refs, is_retry=retries > 0)
        return _Change(work, plan, tip, edit, left_out, pushed, retries)

    def _conclude(self, run: AutomationRun, change: _Change, published: Published | None, span: Span) -> Ready:
        """Record what the branch has now."""
        work, plan, left_out = change.work, change.plan, change.left_out
        if published is not None:
            self._measure(work, published, span, pushed=self._now() if change.pushed else published.time)
        warnings = messages.new_warnings(run.status.findings, left_out)
        written: tuple[Written, ...] = ()
        if work.hold_reverted:
            made = published.update if published else None
            written = reverts.update_written(run.status.written, made, work.last_chosen)
        run.status = replace(
            run.status,
            findings=left_out,
            observed_policies=work.observed_policies,
            observed_source_revision=observed_revision(plan, change.tip, change.pushed),
            written=written,
        )
        if published is None:
            message = messages.no_updates(run.status)
            return Ready(message, requeue_after=_interval(run), no_change=message, warnings=warnings)
        text = messages.pushed(plan, published, retries=change.retries)
        return Ready(
            f"{text}{findings.summarize(left_out)}",
            requeue_after=_interval(run),
            event=f"{text}\n{published.message}",
            warnings=warnings,
        )

    async def _offer(
        self, run: AutomationRun, work: Work, repository: Repository, access: ForgeAccess, notes: list[str]
    ) -> Ready:
        """Bring the automation's pull requests up to date with what the work makes of their base branch."""
        git = run.object.spec.git
        assert git is not None
        assert git.pull_request is not None
        if self._is_unrecorded(run):
            work = await self._plan(run, now=True)  # as before a push; a pull request may be closed, too
        refs, tree = await _read_base(repository, work)
        edit = await self._editor.plan(tree, work)
        left_out = await self._list_findings(run, work, edit)
        before, act = run.status.findings, partial(effects.act, run)
        offering = Offering(
            repository,
            self._forges(access, repository.source.remote, run.check_leader),
            self._editor,
            git.pull_request,
            work,
            RunContext(run.now, act, partial(effects.record, run), run.tracer),
            Records(run.status.pull_requests, now=run.now),
            self._metrics,
        )
        try:
            await offering.run(Base(refs, tree, edit, left_out))
        except Exception:
            notes += [notice.message for notice in offering.notices]
            raise
        finally:
            left_out = findings.join(left_out, offering.findings)
            run.status = replace(run.status, findings=left_out, pull_requests=offering.records.to_status())
            self._metrics.set_open(key_of(run.object), len(offering.records.list_open()))
        run.status = replace(
            run.status,
            observed_policies=work.observed_policies,
            observed_source_revision=tree.base.revision,
            written=(),
        )
        done = [notice.message for notice in offering.notices if not notice.is_warning]
        warned = tuple((notice.reason, notice.message) for notice in offering.notices if notice.is_warning)
        standing = f"{summarize_open(offering.records.list_open())}{findings.summarize(left_out)}"
        return Ready(
            f"{'; '.join(done)}; {standing}" if done else standing,
            requeue_after=_interval(run),
            event="\n".join(done) if done else None,
            no_change=None if done else standing,
            warnings=(*warned, *messages.new_warnings(before, left_out)),
        )

    def _measure(self, work: Work, published: Published, span: Span, *, pushed: datetime) -> None:
        """Count a commit, and how long each choice in it took; of one that was found again nothing may be known."""
        span.set("vcs.ref.head.revision", published.commit)
        result = published.update.result if published.update else ()
        written = (parse_setter(change.setter).policy_key for file in result for change in file.changes)
        origins = list_origins(work.automation, work.choosers, written)
        self._pushes.record_push(origins, now=pushed, trace_id=span.trace_id)

    async def _list_findings(self, run: AutomationRun, work: Work, edit: Edit) -> tuple[Finding, ...]:
        named = await self._policies.find(findings.named_policies(edit.update.findings))
        refused = findings.refusals(run.object, named.values(), work.reach)
        return findings.to_status(edit.update.findings, named, first=work.findings, paused=work.paused, refused=refused)

    async def _recover(self, run: AutomationRun, work: Work, repository: Repository, base: Tip) -> Published | None:
        published = await recovery.recover(
            repository,
            work,
            run.status,
            base,
            editor=self._editor,
            now=run.now,
            behind=MAX_COMMITS_BEHIND if self._is_unrecorded(run) else 0,
        )
        if published:
            effects.record(run, published)
        return published

    async def _push(
        self, run: AutomationRun, work: Work, repository: Repository, edit: Edit, *, refs: Refs, is_retry: bool
    ) -> Published | None:
        context = PushContext(run.now, partial(effects.act, run), partial(effects.record, run))
        if edit.contents:
            template = repository.source.git.commit.message_template
            message = await self._editor.render(work, edit, template, now=run.now)
            with run.tracer.span("push"):
                return await publish(repository, edit, message, refs=refs, context=context)
        if is_retry or is_failing(run.status.conditions):
            return await recovery.finish(repository, run.status, edit.base, refs=refs, context=context)
        return None

    def _is_unrecorded(self, run: AutomationRun) -> bool:
        """Report whether the remote may have what the status does not tell.

        The last run was not one of this process, or its end was not recorded.
        """
        recorded = run.object.status.last_automation_run_time
        return recorded is None or recorded != self._recorded.get(key_of(run.object))


async def _read_base(repository: Repository, work: Work) -> tuple[Refs, MarkedTree]:
    """Return what the remote has, and the files of the branch that pull requests are for."""
    for _ in range(MAX_PUSH_ATTEMPTS):
        try:
            refs, tip = await repository.list_refs()
            return refs, await repository.read_tree(work, tip)
        except RefMoved as error:
            lost = error
    raise GitOperationFailed(f"failed to checkout source: {lost} ({MAX_PUSH_ATTEMPTS} times in a row)")


def _leave_open(run: AutomationRun) -> str:
    """Forget the pull requests of a spec that had some; return which ones are left to people."""
    left = [f"#{one.number} ({one.url})" for one in run.status.pull_requests if one.state == OPEN]
    run.status = replace(run.status, pull_requests=())
    return f"without spec.git.pullRequest, these pull requests are left open: {', '.join(left)}" if left else ""


def _must_update(run: AutomationRun, work: Work, plan: BranchPlan) -> bool:
    """Report whether the files have to be read whatever the remote has.

    They have to after a stall, which ends a generation before it was applied, and while there are findings: a policy
    that was missing may exist by now, which no revision shows.
    """
    status = run.status
    unsettled = run.new_generation or is_true(status.conditions, STALLED) or bool(status.findings)
    return unsettled or plan.needs_full_run or work.observed_policies != status.observed_policies


def _interval(run: AutomationRun) -> timedelta:
    return run.spread(read_interval(run.object.spec.interval))
