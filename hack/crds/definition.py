"""CustomResourceDefinitions as YAML files, from the API types: pure, nothing is read or written here.

Every version of a kind is served with conversion None, so all of them must accept the same fields; they differ only
where a constraint names its versions. The newest version is the one stored.
"""

from __future__ import annotations

import io
from typing import Any

import msgspec
from ruamel.yaml import YAML

from api import gitrepository, imagepolicy, imagerepository, imagetaglist, imageupdateautomation
from api.schema import Column, Definition
from hack.crds.openapi import docstring, struct_schema

KINDS: dict[type[msgspec.Struct], Definition] = {
    imagerepository.ImageRepository: imagerepository.DEFINITION,
    imagepolicy.ImagePolicy: imagepolicy.DEFINITION,
    imageupdateautomation.ImageUpdateAutomation: imageupdateautomation.DEFINITION,
    imagetaglist.ImageTagList: imagetaglist.DEFINITION,
    gitrepository.GitRepository: gitrepository.DEFINITION,
}

HEADER = """\
# Generated from the types in api/ by `python -m hack.crds`; do not edit.
"""


def files() -> dict[str, str]:
    """File name to content of everything that belongs in manifests/crds.

    No kustomization is among them: `kubectl apply -f manifests/crds` takes the folder as it is.
    """
    documents = {
        f"{definition.group}_{definition.plural}.yaml": build_crd(kind, definition)
        for kind, definition in KINDS.items()
    }
    return {name: HEADER + to_yaml(document) for name, document in sorted(documents.items())}


def build_crd(kind: type[msgspec.Struct], definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    names: dict[str, object] = {
        "kind": definition.kind,
        "listKind": f"{definition.kind}List",
        "plural": definition.plural,
        "singular": definition.kind.lower(),
    }
    if definition.short_names:
        names["shortNames"] = list(definition.short_names)
    if definition.categories:
        names["categories"] = list(definition.categories)
    metadata: dict[str, object] = {"name": f"{definition.plural}.{definition.group}"}
    if definition.annotations:
        metadata["annotations"] = definition.annotations
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": definition.group,
            "names": names,
            "scope": "Namespaced",
            "conversion": {"strategy": "None"},
            "versions": [_version(kind, definition, version) for version in definition.versions],
        },
    }


def _version(kind: type[msgspec.Struct], definition: Definition, version: str) -> dict[str, object]:
    schema = {"description": docstring(kind)} | struct_schema(kind, version)
    entry: dict[str, object] = {
        "name": version,
        "served": True,
        "storage": version == definition.versions[-1],
        "additionalPrinterColumns": [_column(column) for column in definition.columns[version]],
    }
    if definition.status_subresource:
        entry["subresources"] = {"status": {}}
    return entry | {"schema": {"openAPIV3Schema": schema}}


def _column(column: Column) -> dict[str, object]:
    written: dict[str, object] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return written | ({"priority": column.priority} if column.priority else {})


def to_yaml(document: object) -> str:
    """`document` as block YAML in the order of its keys; equal values are never written as aliases."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 120
    yaml.representer.ignore_aliases = lambda _: True
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()
