"""The ImageUpdateAutomation algorithm: policies, references, edits, commit, push, tell.

Follows https://fluxcd.io/flux/components/image/imageupdateautomations/; reasons are Flux's, sentences those of Flux
2.1. Ours, not Flux's: every new generation makes a full run, a lost push race is re-applied on the new tip at once,
and what a marker or file lacks is told as findings while the others are updated.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from api.duration import parse_duration
from api.imagepolicy import ImagePolicy, ImageRef
from api.imageupdateautomation import ImageUpdateAutomation, ImageUpdateAutomationStatus
from api.meta import STALLED
from controllers import setters, template
from controllers.git.commits import Author, NewCommit
from controllers.git.engine import GitEngine
from controllers.git.errors import BadRefspec, GitError, Outdated, PathMissing, PathOutside, Unreachable
from controllers.git.refs import HEADS, Refs, Tip, branch_tip, resolve, revision
from controllers.git.refspec import Update, parse_refspec
from controllers.git.scan import File
from controllers.imageupdateautomation import findings
from controllers.imageupdateautomation.message import template_data
from controllers.imageupdateautomation.plan import Plan
from controllers.imageupdateautomation.selection import BadSelector, chosen_images
from controllers.imageupdateautomation.source import Source, SourceFailed, SourceInvalid, SourceReader
from controllers.policy.choose import choose
from controllers.policy.errors import PolicyError
from controllers.policy.policies import Semver
from controllers.runtime.conditions import is_true
from controllers.runtime.run import NotReady, Ready, Run, Stall

SOURCE_MANAGER_FAILED = "SourceManagerFailed"
GIT_OPERATION_FAILED = "GitOperationFailed"
UPDATE_FAILED = "UpdateFailed"
INVALID_SOURCE_CONFIGURATION = "InvalidSourceConfiguration"
INVALID_POLICY_SELECTOR = "InvalidPolicySelector"
INVALID_UPDATE_STRATEGY = "InvalidUpdateStrategy"
INVALID_UPDATE_PATH = "InvalidUpdatePath"

ATTEMPTS = 5
"""Pushes of one run: so many others may be faster, each time, before it is left to the next run."""
SECRET_RETRY = timedelta(seconds=30)
"""A missing Secret cannot be watched with the rights we ask for; it is looked for this often at least."""

AutomationRun = Run[ImageUpdateAutomation, ImageUpdateAutomationStatus]


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is to do, decided before the remote is asked."""

    source: Source
    images: dict[str, ImageRef]
    path: str


@dataclass(frozen=True, slots=True)
class Published:
    """A commit that the remote has taken."""

    commit: NewCommit
    message: str


class ImageUpdateAutomationReconciler:
    """Updates one repository a run. Called for many objects at the same time."""

    def __init__(
        self,
        git: GitEngine,
        sources: SourceReader,
        *,
        policies: Callable[[str], Sequence[ImagePolicy]],
        policy: findings.Policies,
    ) -> None:
        """`policies` and `policy` read an informer: all policies of a namespace, and any one of them."""
        self._git = git
        self._sources = sources
        self._policies = policies
        self._policy = policy

    async def reconcile(self, run: AutomationRun) -> Ready:
        """One pass: a round trip to the remote when nothing changed, else edits, a commit and a push."""
        run.status = replace(run.status, last_automation_run_time=run.now)
        job = Job(images=self._images(run.object), path=_update_path(run.object), source=await self._source(run.object))
        if not _must_run(run, job):
            _, tip = await self._look(job.source)
            if tip.revision == run.status.observed_source_revision:
                return Ready(_message(run.status), after=_interval(run), quiet="no change since last reconciliation")
        async with self._git.writer(job.source.remote, job.source.plan.push_branch):
            for attempt in range(ATTEMPTS):
                try:
                    return await self._update(run, job, retries=attempt)
                except Outdated as error:
                    lost = error
        raise NotReady(
            GIT_OPERATION_FAILED,
            f"failed to update source: failed to push to remote: {lost} ({ATTEMPTS} times in a row)",
        )

    async def _update(self, run: AutomationRun, job: Job, *, retries: int) -> Ready:
        """Brings the branch as it is now up to date; raises Outdated when somebody else was faster."""
        refs, tip = await self._look(job.source)
        base = (branch_tip(refs, job.source.plan.push_branch) or tip) if job.source.plan.switch else tip
        update, targets = await self._edit(run, job, base)
        before = run.status.findings
        left_out = findings.told(update.findings, self._policy)
        edits = {targets[path]: edit.data for path, edit in update.edits.items()}
        published = None
        if edits:
            published = await self._publish(run, job, refs=refs, base=base, edits=edits, update=update)
        run.status = replace(
            run.status,
            findings=left_out,
            observed_policies=job.images,
            observed_source_revision=_observed(job, tip, published),
        )
        warnings = tuple(
            (f.reason, findings.line(f)) for f in left_out if f not in before and findings.worth_an_event(f)
        )
        if published is None:
            return Ready(_message(run.status), after=_interval(run), quiet=_message(run.status), warnings=warnings)
        pushed = _pushed(job, published, retries)
        return Ready(
            f"{pushed}{findings.summary(left_out)}",
            after=_interval(run),
            event=f"{pushed}\n{published.message}",
            warnings=warnings,
        )

    def _images(self, automation: ImageUpdateAutomation) -> dict[str, ImageRef]:
        try:
            return chosen_images(automation, self._policies(automation.metadata.namespace))
        except BadSelector as error:
            raise Stall(INVALID_POLICY_SELECTOR, f"failed to parse policy selector: {error}") from error

    async def _source(self, automation: ImageUpdateAutomation) -> Source:
        try:
            return await self._sources.read(automation)
        except SourceInvalid as error:
            raise Stall(error.reason, str(error)) from error
        except SourceFailed as error:
            raise NotReady(
                SOURCE_MANAGER_FAILED, f"failed configuring source manager: {error}", at_most=SECRET_RETRY
            ) from error

    async def _look(self, source: Source) -> tuple[Refs, Tip]:
        """What the remote has now: one round trip."""
        with _telling("failed to checkout source"):
            refs = await self._git.list_refs(source.remote, extra=source.plan.checkout.extra_refs)
            return refs, resolve(source.plan.checkout, refs, select_semver=_select_tag)

    async def _edit(self, run: AutomationRun, job: Job, base: Tip) -> tuple[setters.Update, dict[str, str]]:
        """The edits on a commit, and for each file found the path that its content is stored under."""
        files = await self._files(run, job, base)
        namespace = run.object.metadata.namespace
        refs = {f"{namespace}:{name}": setters.ImageRef(x.name, x.tag, x.digest) for name, x in job.images.items()}
        # In a thread: a repository with many marked files would hold the event loop for longer than its 50 ms.
        update = await asyncio.to_thread(setters.update, [(f.path, f.data) for f in files], refs, job.path)
        return update, {f.path: f.target for f in files}

    async def _files(self, run: AutomationRun, job: Job, base: Tip) -> list[File]:
        remote = job.source.remote
        with _telling("failed to checkout source"):
            await self._git.fetch(remote, base)
            try:
                return await self._git.files(
                    remote, base.commit, job.path, wanted=setters.is_candidate, containing=setters.MARKER
                )
            except PathMissing as error:
                raise NotReady(
                    UPDATE_FAILED,
                    "failed to apply policies: walking path for files: "
                    f"lstat {run.object.spec.update.path}: no such file or directory",
                ) from error
            except PathOutside as error:  # by a symbolic link, which a commit may mend: not for a stall
                raise NotReady(UPDATE_FAILED, f"failed to apply policies: {error}") from error

    async def _publish(
        self, run: AutomationRun, job: Job, *, refs: Refs, base: Tip, edits: dict[str, bytes], update: setters.Update
    ) -> Published | None:
        """Commits and pushes; None when the files turn out to be as they were."""
        commit_spec, plan, remote = job.source.git.commit, job.source.plan, job.source.remote
        text = _render(run, update, job)
        author = Author(email=commit_spec.author.email, name=commit_spec.author.name)
        with _telling("failed to update source"):
            new = await self._git.commit(
                remote, base.commit, edits, author=author, message=text, when=run.now, signer=job.source.signer
            )
        if new is None:
            return None
        updates, force = _moves(plan, refs, new.id)
        await run.check_leader()
        with _telling("failed to update source: failed to push to remote"):
            await self._git.push(remote, new, updates, options=plan.options, force=force)
        run.status = replace(run.status, last_push_commit=new.id, last_push_time=run.now)
        return Published(new, text)


def _moves(plan: Plan, refs: Refs, commit: str) -> tuple[list[Update], bool]:
    """Which references of the remote are to move to a new commit, and whether those may be no fast-forwards."""
    branch = HEADS + plan.push_branch
    updates = [Update(branch, commit, refs.branch(plan.push_branch))]
    if not plan.refspec:
        return updates, plan.switch
    try:
        refspec = parse_refspec(plan.refspec)
        return updates + refspec.updates({branch: commit}), plan.switch or refspec.force
    except BadRefspec as error:
        raise Stall(INVALID_SOURCE_CONFIGURATION, f"failed to update source: {error}") from error


def _must_run(run: AutomationRun, job: Job) -> bool:
    """True when the files have to be looked at whatever the remote has.

    So they have after a stall, which ends a generation before it was applied, and while there are findings: the policy
    that a marker lacks may be there by now, and no revision tells.
    """
    status = run.status
    unsettled = run.new_generation or is_true(status.conditions, STALLED) or bool(status.findings)
    return unsettled or job.source.plan.always_full or job.images != status.observed_policies


def _update_path(automation: ImageUpdateAutomation) -> str:
    update = automation.spec.update
    try:
        setters.require_strategy(update.strategy)
        return setters.resolve_update_path(update.path)
    except setters.UnsupportedStrategy as error:
        raise Stall(INVALID_UPDATE_STRATEGY, str(error)) from error
    except setters.PathOutside as error:
        raise Stall(INVALID_UPDATE_PATH, f"failed to apply policies: {error}") from error


def _interval(run: AutomationRun) -> timedelta:
    return parse_duration(run.object.spec.interval)


def _select_tag(range_: str, tags: Sequence[str]) -> str | None:
    try:
        return choose(tags, Semver(range_)).tag
    except PolicyError:
        return None


def _render(run: AutomationRun, update: setters.Update, job: Job) -> str:
    data = template_data(run.object, update, job.images)
    try:
        return template.render(job.source.git.commit.message_template, data, now=run.now)
    except template.TemplateFailure as error:
        raise NotReady(GIT_OPERATION_FAILED, f"failed to update source: {error}") from error


def _observed(job: Job, tip: Tip, published: Published | None) -> str:
    if published is None or job.source.plan.switch:
        return tip.revision
    return revision(job.source.plan.push_branch, published.commit.id)


def _message(status: ImageUpdateAutomationStatus) -> str:
    text = "no updates made"
    if status.last_push_commit and status.last_push_time:
        time = status.last_push_time.strftime("%Y-%m-%dT%H:%M:%SZ")
        text += f"; last commit {status.last_push_commit[:7]} at {time}"
    return text + findings.summary(status.findings)


def _pushed(job: Job, published: Published, retries: int) -> str:
    plan = job.source.plan
    text = f"committed and pushed commit '{published.commit.id}' to branch '{plan.push_branch}'"
    if plan.refspec:
        text += f" and refspecs '{plan.refspec}'"
    if retries:
        text += f" after {retries} {'retry' if retries == 1 else 'retries'}"
    return text


@contextmanager
def _telling(doing: str) -> Iterator[None]:
    """Turns what goes wrong with Git into the end of the run; Outdated passes, since the run can go on from it."""
    try:
        yield
    except Outdated:
        raise
    except GitError as error:
        retry_after = error.retry_after if isinstance(error, Unreachable) else None
        raise NotReady(GIT_OPERATION_FAILED, f"{doing}: {error}", retry_after=retry_after) from error
