"""The steps of `tagline preview`: read files and manifests, let policies choose, plan each automation's edit, print."""

import argparse
import difflib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation
from api.selectors import BadSelector
from api.version import VERSION
from cli.known_objects import choose_locally, is_elsewhere, read_objects
from cli.objects import BadInput
from cli.output import encode_json, encode_text, is_terminal, write_output
from cli.preview_chain import Chain
from cli.preview_image import BadQuestion, add_trial, manifests_of
from cli.preview_report import AutomationReport, PreviewReport, report_automation, report_policy
from cli.preview_text import format_github, format_markdown, format_text, to_json
from cli.progress import waiting
from cli.tags import BadTagFile, read_tag_files
from controllers import setters
from controllers.clock import SYSTEM_CLOCK
from controllers.forge.model import Desired
from controllers.git.errors import RepositoryTooLarge
from controllers.git.objects.scan import File
from controllers.gitaccess.branches import BadPushBranch, BranchPlan, NoPushBranch, plan_branches
from controllers.image.ref import to_image_ref
from controllers.net.url import show_remote
from controllers.pullrequests.groups import BadBranch
from controllers.pullrequests.preview import preview_offers
from controllers.runtime.key import key_of
from controllers.runtime.kube.errors import ApiError, NotConfigured
from controllers.setters.targets import anything
from controllers.template import TemplateFailure
from controllers.update.preview import NOT_COMMITTED, Preview, preview
from controllers.update.reach import Reach
from controllers.update.target_files import add_files, list_searches
from controllers.update.work import MarkedTree, Work, plan_work
from controllers.worktree.committed import CommittedContents
from controllers.worktree.errors import WorkTreeError
from controllers.worktree.marked import MarkedFiles, find_marked_files
from controllers.worktree.paths import WorkTree, clone, open_worktree


class NoGitSpec(Exception):
    """An automation without `spec.git` stalls."""


BAD_REQUESTS: Final = (WorkTreeError, BadInput, BadTagFile, BadQuestion, NotConfigured, ApiError)
UNKNOWN_BASE: Final = "the-checked-out-branch"
"""What the base is called where the GitRepository is unknown."""
USER_AGENT: Final = f"tagline-preview/{VERSION}"


def run_preview(options: argparse.Namespace) -> int:
    """Preview as the options of the verb say; return the exit status. Raises BAD_REQUESTS."""
    with _worktree(options) as tree:
        with waiting("asking Git which files there are"):
            paths = tree.list_files()
            contents = CommittedContents(tree.root, is_repository=tree.is_repository)
        ask = _ask_image if options.image else _ask_all
        report = ask(options, tree, paths, contents)
    _print(report, options.output)
    return _exit_status(report, exit_code=options.exit_code)


def _ask_all(
    options: argparse.Namespace, tree: WorkTree, paths: Sequence[bytes], contents: CommittedContents
) -> PreviewReport:
    objects = read_objects(options, tree, paths, contents, user_agent=USER_AGENT)
    policies = sorted(objects.policies, key=key_of)
    report = PreviewReport(
        [report_policy(policy) for policy in policies], problems=objects.problems, notes=objects.notices
    )
    remotes = tree.remotes()
    chain = Chain()
    for automation in sorted(_wanted(objects.automations, options.automation), key=key_of):
        source = objects.source_of(automation)
        if is_elsewhere(source, remotes):
            report.notes.append(f"ImageUpdateAutomation {key_of(automation)} writes to another repository")
        else:
            report.automations.append(
                _preview(
                    automation,
                    source,
                    policies,
                    tree,
                    paths=paths,
                    contents=contents,
                    chain=chain,
                    reach=objects.reach,
                )
            )
            report.notes += _notes(automation, source, tree)
    if not policies and not objects.automations and not report.problems:
        where = show_remote(options.url) or options.path
        raise WorkTreeError(
            f"there are no image policies and no automations in {where}: name their files with -f, or let `tagline "
            "adopt` propose some"
        )
    return report


def _wanted(automations: Sequence[ImageUpdateAutomation], names: Sequence[str]) -> Iterator[ImageUpdateAutomation]:
    """Yield the automations that are asked for, all without names. Raises BadInput."""
    known = {str(key_of(automation)): automation for automation in automations}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            suggestion = f": did you mean {near[0]}?" if near else ""
            raise BadInput(f"there is no ImageUpdateAutomation {name}{suggestion}")
    yield from (automation for name, automation in known.items() if not names or name in names)


def _ask_image(
    options: argparse.Namespace, tree: WorkTree, paths: Sequence[bytes], contents: CommittedContents
) -> PreviewReport:
    objects = choose_locally(manifests_of(options), read_tag_files(options.tags), offline=options.offline)
    policies = [replace(report_policy(policy), name=options.image) for policy in objects.policies]
    report = PreviewReport(policies, problems=objects.problems, notes=objects.notices)
    chosen = next((policy.status.latest_ref for policy in objects.policies), None)
    add_trial(report, tree, paths, contents, image=to_image_ref(chosen) if chosen else None)
    return report


@contextmanager
def _worktree(options: argparse.Namespace) -> Iterator[WorkTree]:
    if not options.url:
        if "://" in options.path and not os.path.exists(options.path):
            raise BadInput(f"{show_remote(options.path)} is a URL: give it with --url")
        yield open_worktree(Path(options.path))
        return
    with tempfile.TemporaryDirectory(prefix="tagline-") as folder:
        with waiting(f"cloning {show_remote(options.url)}"):
            tree = clone(options.url, Path(folder) / "checkout", branch=options.branch)
        yield tree


def _preview(
    automation: ImageUpdateAutomation,
    source: GitRepository | None,
    policies: Sequence[ImagePolicy],
    tree: WorkTree,
    *,
    paths: Sequence[bytes],
    contents: CommittedContents,
    chain: Chain,
    reach: Reach,
) -> AutomationReport:
    name = str(key_of(automation))
    try:
        plan = _plan(automation, source)
        work = plan_work(automation, policies, reach)
        found = _find_files(work, tree, paths, contents)
        tips = sorted(tree.branch_tips(plan.push_branch)) if plan else []
        start = chain.start(plan, source, tips=tips)
        found = start.apply_to(found)
        template = automation.spec.git.commit.message_template if automation.spec.git else ""
        made = preview(
            work,
            found.files,
            policies,
            now=SYSTEM_CLOCK.now(),
            message_template=template,
            starts_anew=plan is not None and plan.switch and not tips,
        )
        offers = _list_offers(automation, made, MarkedTree(NOT_COMMITTED, found.files), plan)
    except (
        BadBranch,
        BadPushBranch,
        BadSelector,
        NoGitSpec,
        NoPushBranch,
        RepositoryTooLarge,
        TemplateFailure,
        WorkTreeError,
        setters.SettersError,
    ) as error:
        return AutomationReport(name, failure=str(error))
    report = replace(report_automation(automation, _target(plan, source), made, found), after=start.after)
    spec = automation.spec.git.pull_request if automation.spec.git else None
    if spec is not None:
        return replace(report, is_offer=True, offers=tuple(offers))
    if not automation.spec.suspend:
        chain.push(name, start, made.edit.contents, plan=plan, source=source)
    return report


def _list_offers(
    automation: ImageUpdateAutomation, made: Preview, tree: MarkedTree, plan: BranchPlan | None
) -> list[Desired]:
    """Return the pull requests that a run would offer, none for an automation that pushes. Raises BadBranch."""
    git = automation.spec.git
    if git is None or git.pull_request is None:
        return []
    return preview_offers(
        git.pull_request,
        made.work,
        tree,
        made.edit,
        made.findings,
        base=plan.push_branch if plan else UNKNOWN_BASE,
        message_template=git.commit.message_template,
        now=SYSTEM_CLOCK.now(),
    )


def _find_files(work: Work, tree: WorkTree, paths: Sequence[bytes], contents: CommittedContents) -> MarkedFiles:
    """Return the files with markers and those that targets name, as a run reads them. Raises WorkTreeError."""
    find = partial(find_marked_files, tree.root, paths, contents=contents)
    found = find(work.path, is_wanted=setters.name_filter(work.globs), has_marker=setters.mentions_marker)
    unreadable = {file.path: file for file in found.unreadable}
    named: list[File] = []
    for search in list_searches(work.targets, work.path):
        with suppress(WorkTreeError):  # nothing is there, which becomes a finding
            more = find(search.folder, is_wanted=search.is_wanted, has_marker=anything)
            named += more.files
            unreadable |= {file.path: file for file in more.unreadable}
    return MarkedFiles(add_files(found.files, named, work.targets, work.path), list(unreadable.values()))


def _plan(automation: ImageUpdateAutomation, source: GitRepository | None) -> BranchPlan | None:
    """Return the branches of a run, None where the GitRepository is unknown.

    Raises NoGitSpec, NoPushBranch, BadPushBranch.
    """
    if automation.spec.git is None:
        raise NoGitSpec("it has no spec.git, which says as whom to commit and where to push")
    return plan_branches(automation.spec.git, source) if source else None


def _target(plan: BranchPlan | None, source: GitRepository | None) -> str:
    """Return where an automation pushes, in words."""
    if plan is None or source is None:
        return "to this repository"
    refspec = f" and refspec {plan.refspec}" if plan.refspec else ""
    return f"to branch {plan.push_branch}{refspec} of {show_remote(source.spec.url)}"


def _notes(automation: ImageUpdateAutomation, source: GitRepository | None, tree: WorkTree) -> Iterator[str]:
    """Yield what makes the next run another one than that of the files as they are here."""
    name = f"ImageUpdateAutomation {key_of(automation)}"
    if automation.spec.suspend:
        yield f"{name} is suspended: it pushes nothing until somebody resumes it"
    if automation.spec.policy_namespaces is not None:
        yield f"{name} uses policies of other namespaces: it needs a controller with --no-cross-namespace-refs=false"
    try:
        plan = _plan(automation, source)
    except (BadPushBranch, NoGitSpec, NoPushBranch):
        return  # its report says so
    if plan and plan.continues and (tips := tree.branch_tips(plan.push_branch)) and tree.head() not in tips:
        yield (
            f"{name} adds to branch {plan.push_branch}, which exists already and is not what is checked out here: "
            "check it out to see what would be added to it"
        )


def _print(report: PreviewReport, output: str) -> None:
    match output:
        case "text":
            write_output(format_text(report, colours=is_terminal() and "NO_COLOR" not in os.environ))
        case "json":
            write_output([encode_json(to_json(report))])
        case "markdown":
            write_output(map(encode_text, format_markdown(report)))
        case _:
            write_output(map(encode_text, format_github(report)))


def _exit_status(report: PreviewReport, *, exit_code: bool) -> int:
    if report.has_failures:
        return 1
    return 2 if exit_code and report.has_changes else 0
