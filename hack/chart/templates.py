"""The templates of the chart: which object is in which file, and under which condition."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from hack.chart.objects import Templated
from hack.chart.text import join, render_tree
from hack.chart.tree import Branch, Condition, branch_at, put

CRD: Final = "CustomResourceDefinition"
HEAD: Final = "{{- /* Generated from the manifests by `python -m hack.chart`; do not edit. */ -}}"
_SHARED: Final = (CRD, "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
_AGGREGATED: Final = "rbac.authorization.k8s.io/aggregate-to-"


def value_name(component: str) -> str:
    """Return the name of a component's value: `flux-sources` is `fluxSources`."""
    first, *rest = component.split("-")
    return first + "".join(word.capitalize() for word in rest)


def expression(condition: Condition) -> str:
    """Return the expression of a condition on components; empty where it always holds."""
    return both(*_operands(condition))


def _operands(condition: Condition) -> list[str]:
    wanted = [f".Values.components.{value_name(name)}" for name in sorted(condition.only)]
    return [*wanted, *(f"not .Values.components.{value_name(name)}" for name in sorted(condition.without))]


def both(*expressions: str) -> str:
    """Return the expression that holds where all of them do; an empty one always holds."""
    given = [one for one in expressions if one]
    if len(given) < 2:
        return "".join(given)
    return "and " + " ".join(f"({one})" if " " in one else one for one in given)


def render_templates(objects: Sequence[Templated]) -> dict[str, str]:
    """Return the text of each file below `templates/`, by its name."""
    choosable = {one.controller for one in objects if one.kind == "Deployment" and not one.origin}
    files: dict[str, list[Templated]] = defaultdict(list)
    for one in objects:
        if one.kind != "Namespace":  # Helm makes it, where it is asked to: --create-namespace
            files[_file(one)].append(one)
    return {name: _render_file(content, choosable) for name, content in files.items()}


def _file(one: Templated) -> str:
    if one.origin:
        return f"component-{one.origin}.yaml"
    if one.kind == CRD:
        return f"crds/{one.name.partition('.')[0]}.yaml"
    if one.controller:
        return f"{one.controller}.yaml"
    return {"NetworkPolicy": "network-policies.yaml"}.get(one.kind, "roles.yaml")


def _render_file(objects: Sequence[Templated], choosable: Collection[str]) -> str:
    pieces = []
    for one in objects:
        if one.kind == CRD:
            put(branch_at(one.tree, "metadata"), "annotations", _crd_annotations(one))
        pieces.append((_condition(one, choosable), ["---", *_settings(one), *render_tree(one.tree, expression)]))
    return "\n".join([HEAD, *join(pieces, 0)]) + "\n"


def _condition(one: Templated, choosable: Collection[str]) -> str:
    """Return under which condition an object is there: its components, and values of the chart's own."""
    own = [".Values.crds.install"] if one.kind == CRD else []
    if not _is_shared(one):
        own.append("not .Values.sharedOnly")
    if one.controller in choosable:
        own.append(f".Values.controllers.{one.controller}.enabled")
    if one.kind == "NetworkPolicy":
        own.append(".Values.networkPolicy.enabled")
    return both(*_operands(one.condition), *own)


def _is_shared(one: Templated) -> bool:
    """Return whether an object is for the whole cluster, and harmless to it."""
    labels: Mapping[str, Any] = one.original["metadata"].get("labels", {})
    return one.kind in _SHARED or any(label.startswith(_AGGREGATED) for label in labels)


def _settings(one: Templated) -> list[str]:
    """Return the line that brings the settings of the object's controller, where it has any."""
    if one.kind not in ("Deployment", "ServiceAccount"):
        return []
    return [f'{{{{- $settings := include "tagline.settings" (list . "{one.controller}") | fromYaml }}}}']


def _crd_annotations(one: Templated) -> Branch:
    present = one.original["metadata"].get("annotations", {})
    annotations = Branch("map")
    for key, value in present.items():
        put(annotations, key, value)
    annotations.appended = ["{{- if .Values.crds.keep }}", "helm.sh/resource-policy: keep", "{{- end }}"]
    return annotations
