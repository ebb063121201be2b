"""The question that a file of manifests asks: `tagline policy test -f`.

Only what the choice needs is looked at; what the API server would refuse besides is its own to say.
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
from controllers.selection.rules import to_rules
from controllers.taglist.scan import build_tag_set

T = TypeVar("T", ImagePolicy, ImageRepository)


class BadManifest(Exception):
    """The file is not what was asked for; the text says what to do."""


def load_question(file: str, name: str, tags: Sequence[str]) -> tuple[TagIndex, Rules]:
    """What the ImagePolicy of a file chooses from, and how.

    file: `-` is standard input. name: needed where the file has several policies. tags: without those that the
    policy's ImageRepository excludes, if the file has it, too. Raises BadManifest.
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
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also a date that is none, nesting without end
        raise BadManifest(f"{file} is not YAML: {error}") from None


def _policy(documents: Sequence[dict[str, Any]], file: str, name: str) -> ImagePolicy:
    there = _all(documents, imagepolicy.KIND, ImagePolicy, file)
    found = [policy for policy in there if name in {"", policy.metadata.name}]
    if len(found) == 1:
        return found[0]
    names = ", ".join(policy.metadata.name for policy in there) or "none"
    raise BadManifest(f"{file}: exactly one ImagePolicy is needed, and --name chooses one; there: {names}")


def _repository(documents: Sequence[dict[str, Any]], file: str, policy: ImagePolicy) -> ImageRepository | None:
    ref = policy.spec.image_repository_ref
    wanted = (ref.namespace or policy.metadata.namespace, ref.name)
    there = _all(documents, imagerepository.KIND, ImageRepository, file)
    return next((found for found in there if (found.metadata.namespace, found.metadata.name) == wanted), None)


def _all(documents: Sequence[dict[str, Any]], kind: str, into: type[T], file: str) -> list[T]:
    found = []
    for document in documents:
        if document.get("kind") == kind and str(document.get("apiVersion", "")).startswith(f"{imagepolicy.GROUP}/"):
            try:
                found.append(msgspec.convert(document, into))
            except msgspec.ValidationError as error:
                raise BadManifest(f"{file}: {kind}: {error}") from None
    return found
