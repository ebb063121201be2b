"""The steps of `tagline preview`: read files and manifests, let policies choose, plan each automation's edit, print."""

import argparse
import asyncio
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from api.gitrepository import GIT_REPOSITORIES, GitRepository
from api.imagepolicy import IMAGE_POLICIES, ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation
from api.meta import READY, TRUE
from api.resource import Resource
from api.selectors import BadSelector
from api.version import VERSION
from cli.local import choose
from cli.manifests import Manifest, Manifests, Problem, read_files, read_manifests
from cli.preview_image import BadQuestion, add_trial, manifests_of
from cli.preview_report import AutomationReport, Report, report_automation, report_policy
from cli.preview_text import format_github, format_markdown, format_text, to_json
from cli.progress import Progress
from cli.tags import BadTagFile, read_docker_config, read_tag_files
from controllers import setters
from controllers.clock import SYSTEM_CLOCK
from controllers.gitaccess.branches import BranchPlan, NoPushBranch, plan_branches, source_key
from controllers.image.ref import to_image_ref
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError, NotConfigured
from controllers.template import TemplateFailure
from controllers.update.preview import preview
from controllers.update.work import plan_work
from controllers.worktree.errors import WorkTreeError
from controllers.worktree.marked import find_marked_files
from controllers.worktree.paths import WorkTree, clone, open_worktree, repository_path

BAD_REQUESTS: Final = (WorkTreeError, BadTagFile, BadQuestion, NotConfigured, ApiError)
USER_AGENT: Final = f"tagline-preview/{VERSION}"

T = TypeVar("T", ImagePolicy, ImageUpdateAutomation, GitRepository)


class _Objects:
    """The objects that a preview is about."""

    def __init__(self) -> None:
        self.policies: list[ImagePolicy] = []
        self.automations: list[ImageUpdateAutomation] = []
        self.sources: dict[Key, GitRepository] = {}


def run_preview(options: argparse.Namespace) -> int:
    """Preview as the options of the verb say; return the exit status. Raises BAD_REQUESTS."""
    tags = read_tag_files(options.tags)
    with _worktree(options) as tree:
        paths = tree.list_files()
        report = Report()
        if options.image:
            _preview_image(options, tree, paths, report, tags)
            _print(report, options.output)
            return _exit_status(report, exit_code=options.exit_code)
        if options.cluster:
            objects = asyncio.run(_read_cluster(options.kubeconfig))
        else:
            manifests = _read_manifests(options, tree, paths)
            report.problems += map(str, manifests.problems)
            objects = _choose(manifests.objects, options, tags, report)
        report.policies = [report_policy(policy) for policy in sorted(objects.policies, key=key_of)]
        remotes = tree.remotes()
        for automation in sorted(objects.automations, key=key_of):
            source = objects.sources.get(source_key(automation))
            if _is_elsewhere(source, remotes):
                report.notes.append(f"ImageUpdateAutomation {key_of(automation)} writes to another repository")
                continue
            report.automations.append(_preview(automation, source, objects.policies, tree, paths))
        if not report.policies and not report.automations and not report.problems:
            raise WorkTreeError(
                f"there are no image policies and no automations in {options.url or options.path}: name their files "
                "with -f, or let `tagline adopt` propose some"
            )
    _print(report, options.output)
    return _exit_status(report, exit_code=options.exit_code)


def _preview_image(
    options: argparse.Namespace, tree: WorkTree, paths: Sequence[bytes], report: Report, tags: dict[str, Sequence[str]]
) -> None:
    objects = _choose(manifests_of(options), options, tags, report)
    report.policies = [replace(report_policy(policy), name=options.image) for policy in objects.policies]
    chosen = next((policy.status.latest_ref for policy in objects.policies), None)
    add_trial(report, tree, paths, to_image_ref(chosen) if chosen else None)


@contextmanager
def _worktree(options: argparse.Namespace) -> Iterator[WorkTree]:
    if not options.url:
        yield open_worktree(Path(options.path))
        return
    with tempfile.TemporaryDirectory(prefix="tagline-") as folder:
        yield clone(options.url, Path(folder) / "checkout", branch=options.branch)


def _read_manifests(options: argparse.Namespace, tree: WorkTree, paths: Sequence[bytes]) -> Manifests:
    if options.filename:
        return read_manifests(options.filename, namespace=options.namespace)
    return read_files(tree.root, paths, namespace=options.namespace)


def _choose(
    manifests: Sequence[Manifest], options: argparse.Namespace, tags: dict[str, Sequence[str]], report: Report
) -> _Objects:
    objects = _Objects()
    with Progress("waiting for registries") as progress:
        choices = asyncio.run(
            choose(
                manifests,
                clock=SYSTEM_CLOCK,
                tags=tags,
                offline=options.offline,
                docker_config=b"" if options.offline else read_docker_config(os.environ),
                progress=progress.show,
            )
        )
    report.problems += map(str, choices.problems)
    report.problems += _failed_scans(choices.repositories)
    objects.policies = choices.policies
    refused = {problem.place for problem in choices.problems}
    accepted = [manifest for manifest in manifests if manifest.place not in refused]
    objects.automations = list(_typed(accepted, IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation, report))
    objects.sources = {key_of(one): one for one in _typed(accepted, GIT_REPOSITORIES, GitRepository, report)}
    return objects


def _failed_scans(repositories: Sequence[ImageRepository]) -> Iterator[str]:
    for repository in repositories:
        ready = next((c for c in repository.status.conditions if c.type == READY), None)
        if ready is not None and ready.status != TRUE:
            yield f"ImageRepository {key_of(repository)}: {ready.message}"


def _typed(manifests: Sequence[Manifest], resource: Resource, into: type[T], report: Report) -> Iterator[T]:
    for manifest in manifests:
        if manifest.document["kind"] == resource.kind:
            try:
                yield msgspec.convert(manifest.document, into)
            except msgspec.ValidationError as error:
                report.problems.append(str(Problem(manifest.place, f"{manifest}: {error}")))


async def _read_cluster(kubeconfig: str) -> _Objects:
    objects = _Objects()
    cluster = importlib.import_module("cli.cluster")  # its HTTP library is needed for nothing else
    async with cluster.connect(kubeconfig, user_agent=USER_AGENT) as client:
        objects.policies = (await client.list(IMAGE_POLICIES, into=ImagePolicy, limit=0)).items
        automations = await client.list(IMAGE_UPDATE_AUTOMATIONS, into=ImageUpdateAutomation, limit=0)
        objects.automations = automations.items
        sources = await client.list(GIT_REPOSITORIES, into=GitRepository, limit=0)
        objects.sources = {key_of(source): source for source in sources.items}
    return objects


def _is_elsewhere(source: GitRepository | None, remotes: Sequence[str]) -> bool:
    """Report whether an automation is about another repository: the checkout has remotes, and none is its own.

    Hosts are not compared: a cluster often knows a Git host by another name than people do.
    """
    if source is None or not remotes:
        return False
    return repository_path(source.spec.url) not in {repository_path(remote) for remote in remotes}


def _preview(
    automation: ImageUpdateAutomation,
    source: GitRepository | None,
    policies: Sequence[ImagePolicy],
    tree: WorkTree,
    paths: Sequence[bytes],
) -> AutomationReport:
    name = str(key_of(automation))
    try:
        target = _target(automation, source)
        in_namespace = [p for p in policies if p.metadata.namespace == automation.metadata.namespace]
        work = plan_work(automation, in_namespace)
        found = find_marked_files(
            tree.root, paths, work.path, is_wanted=setters.name_filter(work.globs), marker=setters.MARKER
        )
        template = automation.spec.git.commit.message_template if automation.spec.git else ""
        made = preview(work, found.files, policies, now=SYSTEM_CLOCK.now(), message_template=template)
    except (
        BadSelector,
        NoPushBranch,
        TemplateFailure,
        WorkTreeError,
        setters.SettersError,
    ) as error:
        return AutomationReport(name, failure=str(error))
    return report_automation(automation, target, made, found)


def _target(automation: ImageUpdateAutomation, source: GitRepository | None) -> str:
    """Return where an automation pushes, in words. Raises NoPushBranch."""
    if automation.spec.git is None or source is None:
        return "to this repository"
    plan: BranchPlan = plan_branches(automation.spec.git, source)
    refspec = f" and refspec {plan.refspec}" if plan.refspec else ""
    return f"to branch {plan.push_branch}{refspec} of {source.spec.url}"


def _print(report: Report, output: str) -> None:
    stream = sys.stdout
    if output == "text":
        colours = stream.isatty() and "NO_COLOR" not in os.environ
        stream.flush()
        stream.buffer.write(b"".join(format_text(report, colours=colours)))
        stream.buffer.flush()
    elif output == "json":
        stream.write(to_json(report))
    else:
        stream.writelines(format_markdown(report) if output == "markdown" else format_github(report))


def _exit_status(report: Report, *, exit_code: bool) -> int:
    if report.has_failures:
        return 1
    return 2 if exit_code and report.has_changes else 0
