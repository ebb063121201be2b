"""Manifests that pages show: ours are admitted as the API would, of others it is checked what can be.

A block may also be a part of a manifest. What it sets must then be in the schema of one of our kinds.
"""

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from api.kinds import EVERY_KIND
from api.openapi import struct_schema
from cli.objects import ForeignFile, collect_manifests
from controllers.setters.line_markers import LINE_FORMATS
from hack.pages.blocks import ROOT
from hack.pages.commandlines import Wrong, check_script
from hack.reference.fields import rows

OURS: Final = frozenset(kind.resource.group for kind in EVERY_KIND)
BUILT_IN: Final = frozenset({"v1", "apps/v1", "networking.k8s.io/v1", "policy/v1", "rbac.authorization.k8s.io/v1"})
KUSTOMIZATION: Final = "kustomize.config.k8s.io/v1beta1"
FOREIGN: Final = frozenset(
    {
        "argoproj.io/v1alpha1",
        "gateway.networking.k8s.io/v1",
        "helm.toolkit.fluxcd.io/v2",
        "monitoring.coreos.com/v1",
        "notification.toolkit.fluxcd.io/v1beta3",
    }
)
"""Kinds whose schemas are not here: read as YAML, and looked at for name and kind."""
CHECKOUT: Final = "tagline/manifests"
"""What pages call a copy of `manifests`."""

_MARKER = re.compile(r"[#/]\s*\{\"\$imagepolicy\": \"[a-z0-9-]+:[a-z0-9-]+(?::(?:name|tag|digest))?\"\}(?=\s|$)")


def check_yaml(text: str, place: str) -> str:
    """Return how a block was checked: `schema`, `fields`, `foreign`, `values`. Raises Wrong."""
    check_markers(text)
    checks = {_check_document(document) for document in YAML(typ="safe").load_all(io.StringIO(text))}
    if "schema" in checks:
        more = [ForeignFile(place, text.encode())]
        problems = collect_manifests((), namespace="apps", environ=_Anything(), more=more).problems
        if problems:
            raise Wrong("\n".join(problems))
    return next(check for check in ("schema", "fields", "foreign", "values") if check in checks)


def check_markers(text: str) -> None:
    """Raise Wrong for a marker that is none."""
    if text.count("$imagepolicy") != len(_MARKER.findall(text)):
        raise Wrong("a marker is malformed")


def check_line_markers(text: str) -> str:
    """Check a block of a file that is not YAML: each of its lines can be edited. Raises Wrong."""
    check_markers(text)
    for line in text.splitlines():
        values = {one.split_comment(line)[0] for one in LINE_FORMATS} - {""}
        if values and not any(one.match(value) for one in LINE_FORMATS for value in values):
            raise Wrong(f"the line cannot be edited: {line}")
    return "markers"


def _check_document(document: Any) -> str:
    if not isinstance(document, dict):
        raise Wrong("not a map")
    version = document.get("apiVersion")
    if version is None:
        return _check_fragment(document)
    if version == KUSTOMIZATION:
        _check_kustomization(document)
        return "values"
    _require_name(document)
    if version.partition("/")[0] in OURS:
        return "schema"
    if version in BUILT_IN:
        return "values"
    if version in FOREIGN:
        return "foreign"
    raise Wrong(f"nobody knows {version}")


def _check_fragment(document: dict[str, Any]) -> str:
    if "spec" in document or "status" in document:
        found = [
            row.path for kind in EVERY_KIND for row in rows(struct_schema(kind.type, kind.definition.versions[-1]), "")
        ]
        known = {path.rstrip("[]{}") for path in found}
        maps = tuple(path.removesuffix("{}") + "." for path in found if path.endswith("{}"))
        paths = [path for path in _paths(document, "") if not path.startswith(maps)]
        if unknown := [path for path in paths if path not in known]:
            raise Wrong(f"no kind has {', '.join(unknown)}")
        return "fields"
    _check_kustomization(document)
    for script in _scripts(document):
        check_script(script)
    for repo in document.get("repos", ()):
        hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
        if missing := [hook["id"] for hook in repo["hooks"] if f"id: {hook['id']}\n" not in hooks]:
            raise Wrong(f"there are no hooks {missing}")
    return "values"


def _check_kustomization(document: dict[str, Any]) -> None:
    named = [*document.get("resources", ()), *document.get("components", ())]
    paths = [ROOT / path.removeprefix("tagline/") for path in named if path.startswith(CHECKOUT)]
    if missing := [path for path in paths if not path.exists()]:
        raise Wrong(f"there is no {missing}")


def _require_name(document: dict[str, Any]) -> None:
    if not document.get("kind") or not (document.get("metadata") or {}).get("name"):
        raise Wrong("an object has no kind or no name")


def _scripts(value: Any) -> Iterator[str]:
    """Yield the commands of a workflow: `run:` of GitHub's, `script:` of GitLab's."""
    if isinstance(value, dict):
        if isinstance(value.get("run"), str):
            yield value["run"]
        yield from (line for line in value.get("script", ()) if isinstance(line, str))
        for inner in value.values():
            yield from _scripts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _scripts(inner)


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{path}[]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}" if path else name)
    else:
        yield path.removesuffix("[]")


class _Anything(Mapping[str, str]):
    """An environment in which every variable is set."""

    def __getitem__(self, name: str) -> str:
        return "value"

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
