"""Fields that a kind does not have, and those that only tagline has."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import msgspec.inspect

from controllers.documents.manifests import KINDS, ObjectInFile
from controllers.documents.nodes import Mapping, Node, Sequence, pairs, resolve_alias
from controllers.lint.files import locate_key
from controllers.lint.rules import LintFinding

CHECKED_KINDS: Final = ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation")
"""Of other kinds only the fields that we read are known here."""

ONLY_IN_TAGLINE: Final = {
    "ImageRepository": frozenset({"spec.latestTags"}),
    "ImagePolicy": frozenset(
        {
            "spec.policy.keys",
            "spec.policy.newest",
            "spec.policy.minAge",
            "spec.policy.allowDowngrade",
            "spec.policy.deny",
            "spec.policy.platforms",
            "spec.reflectSource",
            "spec.accessFrom",
        }
    ),
    "ImageUpdateAutomation": frozenset(
        {
            "spec.git.pullRequest",
            "spec.policyNamespaces",
            "spec.update.files",
            "spec.update.holdReverted",
            "spec.update.targets",
        }
    ),
}
"""What a user of Flux loses; docs/compatibility.md explains each."""


REQUIRED: Final = {
    "ImageRepository": ("spec.image", "spec.interval"),
    "ImagePolicy": ("spec.imageRepositoryRef.name", "spec.policy"),
    "ImageUpdateAutomation": ("spec.interval", "spec.sourceRef.name", "spec.git.commit.author.email"),
}


def check_fields(manifest: ObjectInFile, *, flux: bool) -> Iterator[LintFinding]:
    """Yield the fields of an object's spec that its kind does not have, and with `flux` those that Flux lacks."""
    spec = resolve_alias(manifest.node.get("spec"))
    if manifest.kind in CHECKED_KINDS and isinstance(spec, Mapping):
        for path, message in _unknown(spec, _fields(manifest.kind)["spec"], "spec"):
            yield _finding("unknown-field", manifest, path, f"{manifest.kind} has no field {path}{message}")
    for path in REQUIRED.get(manifest.kind, ()):
        if not _exists(manifest.node, path):
            yield _finding("missing-field", manifest, path, f"{manifest.kind} needs {path}: set it")
    for path in sorted(ONLY_IN_TAGLINE.get(manifest.kind, ())) if flux else ():
        if _exists(manifest.node, path):
            message = f"Flux does not have {path} and drops it without a word: leave it out where Flux runs"
            yield _finding("flux-drops-field", manifest, path, message)


def _finding(rule: str, manifest: ObjectInFile, path: str, message: str) -> LintFinding:
    return LintFinding(rule, manifest.file, *locate_key(manifest.node, path), message)


def _exists(node: Node | None, path: str) -> bool:
    for key in path.split("."):
        node = resolve_alias(node.get(key)) if isinstance(node, Mapping) else None
    return node is not None


def _unknown(node: Node | None, known: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield path and suggestion of each key that is not known; known: as `_describe` returns it."""
    node = resolve_alias(node)
    if isinstance(node, Sequence) and isinstance(known, list):
        for index, item in enumerate(node.items):
            yield from _unknown(item, known[0], f"{path}.{index}")
    elif isinstance(node, Mapping) and isinstance(known, dict):
        for key, value in pairs(node):
            if key.value == "<<":
                continue
            if key.value not in known:
                close = get_close_matches(key.value, known, n=1, cutoff=0.6)
                yield f"{path}.{key.value}", f": did you mean {close[0]}?" if close else f"; it has {', '.join(known)}"
            else:
                yield from _unknown(value, known[key.value], f"{path}.{key.value}")


@cache
def _fields(kind: str) -> dict[str, Any]:
    described = _describe(msgspec.inspect.type_info(KINDS[kind][1]))
    assert isinstance(described, dict)
    return described


def _describe(info: msgspec.inspect.Type) -> Any:
    """Return a struct as a dict of its fields, a list as a list of its one item, anything else as None."""
    match info:
        case msgspec.inspect.StructType():
            return {field.encode_name: _describe(field.type) for field in info.fields}
        case msgspec.inspect.UnionType():
            return next((inner for one in info.types if (inner := _describe(one)) is not None), None)
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            return [_describe(info.item_type)]
        case msgspec.inspect.Metadata():
            return _describe(info.type)
    return None
