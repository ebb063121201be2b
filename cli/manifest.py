"""The question that a file of manifests asks: `tagline policy test -f`.

Only what the choice needs is looked at; other mistakes are for the API server to refuse.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml  # type: ignore[import-untyped]  # comes without type hints

from api import imagepolicy, imagerepository
from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from controllers.policy import Rules, TagIndex
from controllers.registry.errors import BadExclusionPattern
from controllers.runtime.key import key_of
from controllers.selection.rules import repository_key, to_rules
from controllers.taglist.scan import build_tag_set

T = TypeVar("T", ImagePolicy, ImageRepository)


class BadManifest(Exception):
    """The file is not what was asked for; the text says what to do."""


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
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return [document for document in yaml.safe_load_all(text) if isinstance(document, dict)]
    except OSError as error:
        raise BadManifest(f"cannot read {file}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also an impossible date, nesting without end
        raise BadManifest(f"{file} is not YAML: {error}") from None


def _policy(documents: Sequence[dict[str, Any]], file: str, name: str) -> ImagePolicy:
    policies = _all(documents, imagepolicy.KIND, ImagePolicy, file)
    named = [policy for policy in policies if name in {"", policy.metadata.name}]
    if len(named) == 1:
        return named[0]
    names = ", ".join(policy.metadata.name for policy in policies) or "none"
    raise BadManifest(f"{file}: exactly one ImagePolicy is needed, and --name chooses one; there: {names}")


def _repository(documents: Sequence[dict[str, Any]], file: str, policy: ImagePolicy) -> ImageRepository | None:
    wanted = repository_key(policy)
    repositories = _all(documents, imagerepository.KIND, ImageRepository, file)
    return next((repository for repository in repositories if key_of(repository) == wanted), None)


def _all(documents: Sequence[dict[str, Any]], kind: str, into: type[T], file: str) -> list[T]:
    objects = []
    for document in documents:
        if document.get("kind") == kind and str(document.get("apiVersion", "")).startswith(f"{imagepolicy.GROUP}/"):
            try:
                objects.append(msgspec.convert(document, into))
            except msgspec.ValidationError as error:
                raise BadManifest(f"{file}: {kind}: {error}") from None
    return objects
