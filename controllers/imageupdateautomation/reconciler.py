"""The ImageUpdateAutomation algorithm: policies, references, edits, commit, push, tell.

Follows https://fluxcd.io/flux/components/image/imageupdateautomations/; reasons are Flux's, sentences those of Flux
2.1. Ours, not Flux's: every new generation makes a full run, a lost push race is re-applied on the new tip at once,
and what a marker or file lacks is told as findings while the others are updated.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation, ImageUpdateAutomationStatus
from api.meta import STALLED
from controllers import setters
from controllers.git.engine import GitEngine
from controllers.git.errors import RefMoved
from controllers.git.protocol.refs import Refs, Tip, branch_tip, resolve, revision
from controllers.golang.duration import parse_duration
from controllers.imageupdateautomation import reverts, status_findings
from controllers.imageupdateautomation.comparison import sources_of
from controllers.imageupdateautomation.editor import Editor
from controllers.imageupdateautomation.job import (
    GIT_OPERATION_FAILED,
    AutomationRun,
    Job,
    Published,
    translate_git_errors,
)
from controllers.imageupdateautomation.publisher import Publisher
from controllers.imageupdateautomation.selection import (
    BadSelector,
    SelectedPolicies,
    partition_images,
    select_policies,
    to_image_refs,
)
from controllers.imageupdateautomation.source import AutomationSource, SourceFailed, SourceInvalid, SourceReader
from controllers.policy.choose import choose
from controllers.policy.errors import PolicyError
from controllers.policy.policies import Semver
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.conditions import is_failing, is_true
from controllers.runtime.reconcile.outcome import Ready
from controllers.runtime.reconcile.run import NotReady, Stalled

SOURCE_MANAGER_FAILED = "SourceManagerFailed"
INVALID_POLICY_SELECTOR = "InvalidPolicySelector"
INVALID_UPDATE_STRATEGY = "InvalidUpdateStrategy"
INVALID_UPDATE_PATH = "InvalidUpdatePath"

MAX_COMMITS_BEHIND = 10
"""After a crash: so many commits of others may be on top of ours."""
MAX_PUSH_ATTEMPTS = 5
"""Pushes of one run: so many others may be faster, each time, before it is left to the next run."""
SECRET_RETRY = timedelta(seconds=30)
"""A missing Secret cannot be watched with the rights we ask for; it is looked for this often at least."""


class ImageUpdateAutomationReconciler:
    """Updates one repository a run. Called for many objects at the same time."""

    def __init__(
        self,
        git: GitEngine,
        sources: SourceReader,
        *,
        policies: Callable[[str], Sequence[ImagePolicy]],
        policy: status_findings.PolicyLookup,
    ) -> None:
        """`policies` and `policy` read an informer: all policies of a namespace, and any one of them."""
        self._git = git
        self._sources = sources
        self._policies = policies
        self._policy = policy
        self._editor = Editor(git)
        self._publisher = Publisher(git, self._editor)
        self._recorded: dict[Key, datetime] = {}
        """When the last run of each automation began that came to its end in this process."""

    def forget(self, automation: Key) -> None:
        """Drops what is known of an automation that is gone."""
        self._recorded.pop(automation, None)

    async def reconcile(self, run: AutomationRun) -> Ready:
        """One pass: a round trip to the remote when nothing changed, else edits, a commit and a push."""
        run.status = replace(run.status, last_automation_run_time=run.now)
        end = await self._pass(run)
        self._recorded[key_of(run.object)] = run.now
        return end

    async def _pass(self, run: AutomationRun) -> Ready:
        job = await self._job(run.object)
        seen = None
        if not _must_run(run, job):
            seen = await self._list_refs(job.source)
            if seen[1].revision == run.status.observed_source_revision:
                return Ready(
                    _message(run.status), requeue_after=_interval(run), no_change="no change since last reconciliation"
                )
        async with self._git.lock_branch(job.source.remote, job.source.plan.push_branch) as at_once:
            if not at_once:
                seen = None  # the writer before us has changed it
            for attempt in range(MAX_PUSH_ATTEMPTS):
                try:
                    return await self._update(run, job, *(seen or await self._list_refs(job.source)), retries=attempt)
                except RefMoved as error:
                    lost, seen = error, None
        raise NotReady(
            GIT_OPERATION_FAILED,
            f"failed to update source: failed to push to remote: {lost} ({MAX_PUSH_ATTEMPTS} times in a row)",
        )

    async def _update(self, run: AutomationRun, job: Job, refs: Refs, tip: Tip, *, retries: int) -> Ready:
        """Brings the branch, which is at `refs`, up to date; raises RefMoved when somebody else was faster."""
        plan = job.source.plan
        ours = branch_tip(refs, plan.push_branch) if plan.continues else None
        base = ours or tip
        # A push branch that is made anew begins with former values that nobody put back.
        held = (
            reverts.reverts(run.status.written)
            if job.hold_reverted and (ours or not plan.switch)
            else setters.NO_REVERTS
        )
        edit = await self._editor.edit(run, job, base, reverts=held)
        before = run.status.findings
        left_out = status_findings.told(edit.update.findings, self._policy, first=job.findings, paused=job.paused)
        pushed = None
        if edit.contents:
            pushed = await self._publisher.publish(run, job, edit, refs=refs, base=base)
        elif retries or is_failing(run.status.conditions):
            pushed = await self._publisher.finish(run, job, refs, base)
        published = pushed or await self._publisher.recover(run, job, base, behind=self._behind(run))
        run.status = replace(
            run.status,
            findings=left_out,
            observed_policies=job.images,
            observed_source_revision=_observed(job, tip, pushed),
            written=reverts.remembered(run.status.written, published, job.last) if job.hold_reverted else (),
        )
        warnings = tuple(
            (f.reason, status_findings.line(f))
            for f in left_out
            if f not in before and status_findings.is_event_worthy(f)
        )
        message, after = _message(run.status), _interval(run)
        if published is None:
            return Ready(message, requeue_after=after, no_change=message, warnings=warnings)
        text = _pushed(job, published, retries)
        event = f"{text}\n{published.message}"
        return Ready(
            f"{text}{status_findings.summarize(left_out)}", requeue_after=after, event=event, warnings=warnings
        )

    def _behind(self, run: AutomationRun) -> int:
        """How far behind the tip a commit of ours may be: not at all, unless the end of a run was not recorded."""
        recorded = run.object.status.last_automation_run_time
        return 0 if recorded is not None and recorded == self._recorded.get(key_of(run.object)) else MAX_COMMITS_BEHIND

    async def _job(self, automation: ImageUpdateAutomation) -> Job:
        found, path = self._selected(automation), _update_path(automation)
        usable, unusable = partition_images(found.images)
        update, namespace = automation.spec.update, automation.metadata.namespace
        sources = sources_of(self._policies(namespace))
        return Job(
            await self._source(automation),
            images=found.images,
            paused={f"{namespace}:{name}": rest for name, rest in found.paused.items()},
            last=to_image_refs(found.last, namespace),
            usable=usable,
            findings=status_findings.unusable(unusable),
            path=path,
            refs=to_image_refs(usable, namespace),
            globs=update.files,
            hold_reverted=update.hold_reverted,
            sources=sources,
        )

    def _selected(self, automation: ImageUpdateAutomation) -> SelectedPolicies:
        try:
            return select_policies(automation, self._policies(automation.metadata.namespace))
        except BadSelector as error:
            raise Stalled(INVALID_POLICY_SELECTOR, f"failed to parse policy selector: {error}") from error

    async def _source(self, automation: ImageUpdateAutomation) -> AutomationSource:
        try:
            return await self._sources.read(automation)
        except SourceInvalid as error:
            raise Stalled(error.reason, str(error)) from error
        except SourceFailed as error:
            raise NotReady(
                SOURCE_MANAGER_FAILED, f"failed configuring source manager: {error}", max_delay=SECRET_RETRY
            ) from error

    async def _list_refs(self, source: AutomationSource) -> tuple[Refs, Tip]:
        """What the remote has now: one round trip."""
        with translate_git_errors("failed to checkout source"):
            refs = await self._git.list_refs(source.remote, extra=source.plan.checkout.extra_refs)
            return refs, resolve(source.plan.checkout, refs, select_semver=_select_tag)


def _must_run(run: AutomationRun, job: Job) -> bool:
    """True when the files have to be looked at whatever the remote has.

    So they have after a stall, which ends a generation before it was applied, and while there are findings: the policy
    that a marker lacks may be there by now, and no revision tells.
    """
    status = run.status
    unsettled = run.new_generation or is_true(status.conditions, STALLED) or bool(status.findings)
    return unsettled or job.source.plan.needs_full_run or job.images != status.observed_policies


def _update_path(automation: ImageUpdateAutomation) -> str:
    update = automation.spec.update
    try:
        setters.require_strategy(update.strategy)
        return setters.resolve_update_path(update.path)
    except setters.UnsupportedStrategy as error:
        raise Stalled(INVALID_UPDATE_STRATEGY, str(error)) from error
    except setters.UpdatePathOutside as error:
        raise Stalled(INVALID_UPDATE_PATH, f"failed to apply policies: {error}") from error


def _interval(run: AutomationRun) -> timedelta:
    return run.spread(parse_duration(run.object.spec.interval))


def _select_tag(range_: str, tags: Sequence[str]) -> str | None:
    try:
        return choose(tags, Semver(range_)).tag
    except PolicyError:
        return None


def _observed(job: Job, tip: Tip, pushed: Published | None) -> str:
    """What the checkout's reference is at after the run."""
    if pushed is None or job.source.plan.switch:
        return tip.revision
    return revision(job.source.plan.push_branch, pushed.commit)


def _message(status: ImageUpdateAutomationStatus) -> str:
    text = "no updates made"
    if status.last_push_commit and status.last_push_time:
        time = status.last_push_time.strftime("%Y-%m-%dT%H:%M:%SZ")
        text += f"; last commit {status.last_push_commit[:7]} at {time}"
    return text + status_findings.summarize(status.findings)


def _pushed(job: Job, published: Published, retries: int) -> str:
    plan = job.source.plan
    text = f"committed and pushed commit '{published.commit}' to branch '{plan.push_branch}'"
    if plan.refspec:
        text += f" and refspecs '{plan.refspec}'"
    if retries:
        text += f" after {retries} {'retry' if retries == 1 else 'retries'}"
    return text
