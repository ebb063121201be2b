"""What an ImagePolicy in a file of manifests chooses from, and how: `tagline policy test -f`.

Only the fields that the choice needs are read; refusing the rest is up to the API server.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES
from api.resource import Resource
from cli.yaml_documents import NotYaml, load_documents
from controllers.net.library_errors import describe
from controllers.policy import Rules, TagIndex
from controllers.runtime.key import key_of
from controllers.selection.rules import repository_key, to_rules
from controllers.taglist.scan import BadExclusionPattern, build_tag_set

T = TypeVar("T", ImagePolicy, ImageRepository)


class BadManifest(Exception):
    """The file has no policy that can be used; the text says what to do."""


def load_question(file: str, name: str, tags: Sequence[str]) -> tuple[TagIndex, Rules]:
    """Return what the ImagePolicy of a file chooses from, and how.

    file: `-` is standard input. name: needed where the file has several policies. tags: without those that the
    policy's ImageRepository excludes, if the file has that as well. Raises BadManifest.
    """
    documents = _documents(file)
    policy = _policy(documents, file, name)
    try:
        rules = to_rules(policy.spec)
        repository = _repository(documents, file, policy)
        if repository is None:
            return TagIndex(tags), rules
        scan = build_tag_set(tags, repository.spec.exclusion_list)
    except (ValueError, BadExclusionPattern) as error:
        raise BadManifest(f"{file}: {error}") from None
    return TagIndex(scan.tags, excluded_count=scan.excluded_count), rules


def _documents(file: str) -> list[dict[str, Any]]:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return [one for _, document in load_documents(data) for one in _unfold(document)]
    except OSError as error:
        raise BadManifest(f"cannot read {file}: {describe(error)}") from None
    except NotYaml as error:
        raise BadManifest(f"{file}:{error.place}: {error}" if error.place else f"{file}: {error}") from None


def _unfold(document: Any) -> Iterator[dict[str, Any]]:
    """Yield a document, or what is in it where it is a list, as `kubectl get -o yaml` prints it."""
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _unfold(item)
    else:
        yield document


def _policy(documents: Sequence[dict[str, Any]], file: str, name: str) -> ImagePolicy:
    policies = _all(documents, IMAGE_POLICIES, ImagePolicy, file)
    candidates = [policy for policy in policies if name in {"", policy.metadata.name}]
    if len(candidates) == 1:
        return candidates[0]
    names = ", ".join(policy.metadata.name for policy in policies) or "none"
    raise BadManifest(f"{file}: exactly one ImagePolicy is needed, and --name chooses one; there: {names}")


def _repository(documents: Sequence[dict[str, Any]], file: str, policy: ImagePolicy) -> ImageRepository | None:
    referenced = repository_key(policy)
    repositories = _all(documents, IMAGE_REPOSITORIES, ImageRepository, file)
    return next((repository for repository in repositories if key_of(repository) == referenced), None)


def _all(documents: Sequence[dict[str, Any]], resource: Resource, into: type[T], file: str) -> list[T]:
    objects = []
    for document in documents:
        api_version = str(document.get("apiVersion", ""))
        if document.get("kind") == resource.kind and api_version.startswith(f"{resource.group}/"):
            try:
                objects.append(msgspec.convert(document, into))
            except msgspec.ValidationError as error:
                raise BadManifest(f"{file}: {resource.kind}: {describe(error)}") from None
    return objects
