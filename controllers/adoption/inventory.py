"""What a repository has of image automation already, so that nothing is proposed twice. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from controllers.documents.manifests import ObjectInFile, objects_of


@dataclass(frozen=True, slots=True)
class Inventory:
    """The objects of one namespace; those of a file that names none are taken to be of it."""

    repositories: tuple[ImageRepository, ...] = ()
    policies: tuple[ImagePolicy, ...] = ()
    automations: tuple[ImageUpdateAutomation, ...] = ()
    sources: tuple[GitRepository, ...] = ()
    """Of any namespace."""

    def policies_of(self, repository: ImageRepository) -> Iterator[ImagePolicy]:
        """Yield the policies that choose from a repository."""
        for policy in self.policies:
            ref = policy.spec.image_repository_ref
            if ref.name == repository.metadata.name and ref.namespace in {"", repository.metadata.namespace}:
                yield policy


def take_inventory(manifests: Iterable[ObjectInFile], namespace: str) -> Inventory:
    """Return what of the manifests belongs to a namespace."""
    manifests = tuple(manifests)
    here = {"", namespace}
    return Inventory(
        tuple(one for one in objects_of(manifests, ImageRepository) if one.metadata.namespace in here),
        tuple(one for one in objects_of(manifests, ImagePolicy) if one.metadata.namespace in here),
        tuple(one for one in objects_of(manifests, ImageUpdateAutomation) if one.metadata.namespace in here),
        tuple(objects_of(manifests, GitRepository)),
    )


def guess_namespace(manifests: Collection[ObjectInFile], default: str) -> str:
    """Return the one namespace in which image automation is already, else that of the GitRepositories, or `default`."""
    for kinds in ((ImageUpdateAutomation, ImagePolicy), (GitRepository,)):
        objects = [one.object for one in manifests if isinstance(one.object, kinds)]
        found = {one.metadata.namespace for one in objects if one.metadata.namespace}
        if len(found) == 1:
            return found.pop()
    return default
