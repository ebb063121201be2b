"""CustomResourceDefinitions as YAML files, from the API types: pure, nothing is read or written here.

Every version of a kind is served with conversion None, so all of them must accept the same fields; they differ only
where a constraint names its versions. The newest version is the one stored. Versions that old clusters may still have
objects in are listed and not served.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML

from api.kinds import KINDS, RECEIVER, Kind
from api.openapi import docstring, struct_schema
from api.schema import Column

HEADER = """\
# Generated from the types in api/ by `python -m hack.crds`; do not edit.
"""


def render_crds() -> dict[str, str]:
    """Return the name and content of every file that belongs in manifests/crds.

    There is no kustomization among them: `kubectl apply -f manifests/crds` takes the folder as it is.
    """
    return {kind.crd_file: HEADER + to_yaml(build_crd(kind)) for kind in sorted(KINDS, key=lambda kind: kind.crd_file)}


def render_component_crds() -> dict[str, str]:
    """Return the path below manifests/components and content of the CRDs that belong to a component.

    They carry the labels that the base gives to its own.
    """
    crd = build_crd(RECEIVER)
    crd["metadata"]["labels"] = {
        "app.kubernetes.io/part-of": "tagline",
        "app.kubernetes.io/instance": "tagline-system",
        "app.kubernetes.io/component": RECEIVER.component,
    }
    return {f"{RECEIVER.name}/{RECEIVER.crd_file}": HEADER + to_yaml(crd)}


def build_crd(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of one kind."""
    definition, resource = kind.definition, kind.resource
    names: dict[str, object] = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": kind.name,
    }
    if definition.short_names:
        names["shortNames"] = list(definition.short_names)
    if definition.categories:
        names["categories"] = list(definition.categories)
    metadata: dict[str, object] = {"name": f"{resource.plural}.{resource.group}"}
    if definition.annotations:
        metadata["annotations"] = definition.annotations
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced",
            "conversion": {"strategy": "None"},
            "versions": [
                *map(_retired_version, definition.retired),
                *(_version(kind, version) for version in definition.versions),
            ],
        },
    }


def _version(kind: Kind, version: str) -> dict[str, object]:
    definition = kind.definition
    schema = {"description": docstring(kind.type)} | struct_schema(kind.type, version)
    entry: dict[str, object] = {
        "name": version,
        "served": True,
        "storage": version == definition.versions[-1],
        "additionalPrinterColumns": [_column(column) for column in definition.columns[version]],
    }
    if definition.status_subresource:
        entry["subresources"] = {"status": {}}
    return entry | {"schema": {"openAPIV3Schema": schema}}


def _retired_version(version: str) -> dict[str, object]:
    """Return a version that is there only so that the API server takes the CRD, and reads what was stored in it."""
    description = "No longer served; objects that are stored in this version are read in the others."
    schema = {"description": description, "type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"name": version, "served": False, "storage": False, "schema": {"openAPIV3Schema": schema}}


def _column(column: Column) -> dict[str, object]:
    written: dict[str, object] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return written | ({"priority": column.priority} if column.priority else {})


def to_yaml(document: object) -> str:
    """Return `document` as block YAML in the order of its keys; equal values are never written as aliases."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 120
    yaml.representer.ignore_aliases = lambda _: True
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()
