"""The objects that a question is about: from manifests, with choices made in this process, or from a cluster."""

import argparse
import asyncio
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from api.core import Namespace
from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.names import GIT_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS, NAMESPACES, READY, TRUE
from api.resource import Resource
from cli.cluster_choices import choose_in_cluster
from cli.dockerlogin import config_file, with_docker_login
from cli.local import choose
from cli.objects import Manifest, Manifests, collect_files, collect_manifests
from cli.progress import Progress
from cli.tags import read_tag_files
from controllers.clock import SYSTEM_CLOCK
from controllers.gitaccess.branches import source_key
from controllers.runtime.key import Key, key_of
from controllers.update.reach import Reach, labels_by_name
from controllers.worktree.committed import CommittedContents
from controllers.worktree.paths import WorkTree, repository_path

T = TypeVar("T", ImagePolicy, ImageUpdateAutomation, GitRepository)


@dataclass(slots=True)
class Objects:
    """Objects by kind, and what is wrong with some."""

    repositories: list[ImageRepository] = field(default_factory=list)
    policies: list[ImagePolicy] = field(default_factory=list)
    automations: list[ImageUpdateAutomation] = field(default_factory=list)
    sources: dict[Key, GitRepository] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """Each with its place."""
    notices: list[str] = field(default_factory=list)
    """What was passed over although it looks like ours."""
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of namespaces, of those that are known."""

    def source_of(self, automation: ImageUpdateAutomation) -> GitRepository | None:
        """Return the GitRepository that an automation names, None where it is unknown."""
        return self.sources.get(source_key(automation))

    @property
    def reach(self) -> Reach:
        """Who may use policies of other namespaces. Of a namespace that is not among the objects, the name is known."""
        return Reach(lambda name: {**labels_by_name(name), **self.namespaces.get(name, {})})


def read_objects(
    options: argparse.Namespace,
    tree: WorkTree,
    paths: Sequence[bytes],
    contents: CommittedContents,
    *,
    user_agent: str,
) -> Objects:
    """Return the objects that the options of `source_options` ask for. Raises BadTagFile, NotConfigured, ApiError."""
    tags = read_tag_files(options.tags)
    if options.cluster:
        files = _read_files(options.filename, options.namespace)
        return asyncio.run(_read_cluster(options.kubeconfig, files, offline=options.offline, user_agent=user_agent))
    return choose_locally(_read_manifests(options, tree, paths, contents), tags, offline=options.offline)


def choose_locally(manifests: Manifests, tags: Mapping[str, Sequence[str]], *, offline: bool) -> Objects:
    """Return the objects of manifests, with what the policies among them choose now."""
    if not offline:
        manifests = with_docker_login(manifests, config_file(os.environ))
    with Progress("waiting for registries") as progress:
        choices = asyncio.run(
            choose(manifests.manifests, clock=SYSTEM_CLOCK, tags=tags, offline=offline, progress=progress.show)
        )
    return Objects(
        repositories=choices.repositories,
        policies=choices.policies,
        automations=_typed(manifests, IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation),
        sources={key_of(source): source for source in _typed(manifests, GIT_REPOSITORIES, GitRepository)},
        problems=[*manifests.problems, *choices.problems, *_failed_scans(choices.repositories)],
        notices=list(manifests.notices),
        namespaces={manifest.key.name: _labels(manifest) for manifest in manifests.of(NAMESPACES.kind)},
    )


def is_elsewhere(source: GitRepository | None, remotes: Sequence[str]) -> bool:
    """Report whether an automation is about another repository: the checkout has remotes, and none is its own.

    Hosts are not compared: a cluster often knows a Git host by another name than people do.
    """
    if source is None or not remotes:
        return False
    return repository_path(source.spec.url) not in {repository_path(remote) for remote in remotes}


def _read_manifests(
    options: argparse.Namespace, tree: WorkTree, paths: Sequence[bytes], contents: CommittedContents
) -> Manifests:
    if options.filename:
        return _read_files(options.filename, options.namespace)
    with Progress("reading manifests") as progress:
        counted = progress.over(paths, "files", len(paths))
        return collect_files(tree.root, counted, contents, namespace=options.namespace, environ=os.environ)


def _read_files(names: Sequence[str], namespace: str) -> Manifests:
    return collect_manifests(names, namespace=namespace, environ=os.environ)


def _failed_scans(repositories: Sequence[ImageRepository]) -> Iterator[str]:
    for repository in repositories:
        ready = next((c for c in repository.status.conditions if c.type == READY), None)
        if ready is not None and ready.status != TRUE:
            yield f"ImageRepository {key_of(repository)}: {ready.message}"


def _labels(manifest: Manifest) -> dict[str, str]:
    return msgspec.convert(manifest.body, Namespace).metadata.labels


def _typed(manifests: Manifests, resource: Resource, into: type[T]) -> list[T]:
    """Return the objects of a kind, as the schema has accepted them."""
    return [msgspec.convert(manifest.body, into) for manifest in manifests.of(resource.kind)]


async def _read_cluster(kubeconfig: str, files: Manifests, *, offline: bool, user_agent: str) -> Objects:
    cluster = importlib.import_module("cli.cluster")  # its HTTP library is needed for nothing else
    with Progress("choosing from the tag lists of the cluster") as progress:
        async with cluster.connect(kubeconfig, user_agent=user_agent) as client:
            choices = await choose_in_cluster(
                client, files, clock=SYSTEM_CLOCK, offline=offline, progress=progress.show
            )
    return Objects(
        choices.repositories,
        choices.policies,
        choices.automations,
        {key_of(source): source for source in choices.sources},
        choices.problems,
        choices.notices,
        choices.namespaces,
    )
