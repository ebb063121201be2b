"""The objects that a question is about: from manifests, with choices made in this process, or from a cluster."""

import argparse
import asyncio
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from api.gitrepository import GIT_REPOSITORIES, GitRepository
from api.imagepolicy import IMAGE_POLICIES, ImagePolicy
from api.imagerepository import IMAGE_REPOSITORIES, ImageRepository
from api.imageupdateautomation import IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation
from api.meta import READY, TRUE
from api.resource import Resource
from cli.docker_config import read_docker_config
from cli.local import choose
from cli.manifests import Manifest, Manifests, Problem, read_files, read_manifests
from cli.progress import Progress
from cli.tags import read_tag_files
from controllers.clock import SYSTEM_CLOCK
from controllers.gitaccess.branches import source_key
from controllers.runtime.key import Key, key_of
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

    def source_of(self, automation: ImageUpdateAutomation) -> GitRepository | None:
        """Return the GitRepository that an automation names, None where it is unknown."""
        return self.sources.get(source_key(automation))


def read_objects(options: argparse.Namespace, tree: WorkTree, paths: Sequence[bytes], *, user_agent: str) -> Objects:
    """Return the objects that the options of `source_options` ask for. Raises BadTagFile, NotConfigured, ApiError."""
    tags = read_tag_files(options.tags)
    if options.cluster:
        return asyncio.run(_read_cluster(options.kubeconfig, user_agent))
    manifests = _read_manifests(options, tree, paths)
    objects = choose_locally(manifests.objects, tags, offline=options.offline)
    objects.problems[:0] = map(str, manifests.problems)
    return objects


def choose_locally(manifests: Sequence[Manifest], tags: Mapping[str, Sequence[str]], *, offline: bool) -> Objects:
    """Return the objects of manifests, with what the policies among them choose now."""
    with Progress("waiting for registries") as progress:
        choices = asyncio.run(
            choose(
                manifests,
                clock=SYSTEM_CLOCK,
                tags=tags,
                offline=offline,
                docker_config=b"" if offline else read_docker_config(os.environ),
                progress=progress.show,
            )
        )
    objects = Objects(repositories=choices.repositories, policies=choices.policies)
    objects.problems = [*map(str, choices.problems), *_failed_scans(choices.repositories)]
    refused = {problem.place for problem in choices.problems}
    accepted = [manifest for manifest in manifests if manifest.place not in refused]
    objects.automations = list(_typed(accepted, IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation, objects.problems))
    sources = _typed(accepted, GIT_REPOSITORIES, GitRepository, objects.problems)
    objects.sources = {key_of(source): source for source in sources}
    return objects


def is_elsewhere(source: GitRepository | None, remotes: Sequence[str]) -> bool:
    """Report whether an automation is about another repository: the checkout has remotes, and none is its own.

    Hosts are not compared: a cluster often knows a Git host by another name than people do.
    """
    if source is None or not remotes:
        return False
    return repository_path(source.spec.url) not in {repository_path(remote) for remote in remotes}


def _read_manifests(options: argparse.Namespace, tree: WorkTree, paths: Sequence[bytes]) -> Manifests:
    if options.filename:
        return read_manifests(options.filename, namespace=options.namespace)
    return read_files(tree.root, paths, namespace=options.namespace)


def _failed_scans(repositories: Sequence[ImageRepository]) -> Iterator[str]:
    for repository in repositories:
        ready = next((c for c in repository.status.conditions if c.type == READY), None)
        if ready is not None and ready.status != TRUE:
            yield f"ImageRepository {key_of(repository)}: {ready.message}"


def _typed(manifests: Sequence[Manifest], resource: Resource, into: type[T], problems: list[str]) -> Iterator[T]:
    for manifest in manifests:
        if manifest.document["kind"] == resource.kind:
            try:
                yield msgspec.convert(manifest.document, into)
            except msgspec.ValidationError as error:
                problems.append(str(Problem(manifest.place, f"{manifest}: {error}")))


async def _read_cluster(kubeconfig: str, user_agent: str) -> Objects:
    objects = Objects()
    cluster = importlib.import_module("cli.cluster")  # its HTTP library is needed for nothing else
    async with cluster.connect(kubeconfig, user_agent=user_agent) as client:
        objects.repositories = (await client.list(IMAGE_REPOSITORIES, into=ImageRepository, limit=0)).items
        objects.policies = (await client.list(IMAGE_POLICIES, into=ImagePolicy, limit=0)).items
        automations = await client.list(IMAGE_UPDATE_AUTOMATIONS, into=ImageUpdateAutomation, limit=0)
        objects.automations = automations.items
        sources = await client.list(GIT_REPOSITORIES, into=GitRepository, limit=0)
        objects.sources = {key_of(source): source for source in sources.items}
    return objects
