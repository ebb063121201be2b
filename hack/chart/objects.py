"""The objects of the manifests and their components as trees, with what the chart's values put into them.

What the manifests say stays where it is: the chart differs from them only by values that are not the defaults, and by
the labels that Helm's users expect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cli.installing.build import CLUSTER_DOMAIN, COMPONENT, NAMESPACE, NAMESPACED, PART_OF, Manifests
from cli.installing.patches import matches
from hack.chart.tree import (
    ALWAYS,
    Branch,
    Condition,
    Fallback,
    Node,
    Scalar,
    Setting,
    Text,
    alternatives,
    branch_at,
    change_scalars,
    patch,
    plant,
    put,
    value_of,
)

INSTANCE: Final = "app.kubernetes.io/instance"
RELEASE_NAMESPACE: Final = Text("{{ .Release.Namespace | quote }}")
RELEASE_NAME: Final = Text("{{ .Release.Name | quote }}")
_ARGUMENTS: Final = {
    "--log-level=": "--log-level={{ $settings.logLevel }}",
    "--log-encoding=": "--log-encoding={{ .Values.logEncoding }}",
}
_OF_LABELS: Final = (PART_OF, INSTANCE)
"""Labels that the chart's own template of labels gives."""


@dataclass(slots=True)
class Templated:
    """An object of the chart."""

    original: Mapping[str, Any]
    """As the manifests or a component have it."""
    origin: str
    """The component that brings it; empty for the manifests."""
    tree: Branch
    condition: Condition = ALWAYS

    @property
    def kind(self) -> str:
        """Return its kind without components."""
        return str(self.original["kind"])

    @property
    def name(self) -> str:
        """Return its name."""
        return str(self.original["metadata"]["name"])

    @property
    def controller(self) -> str:
        """Return the controller that it is for, without `-controller`; empty if it is for all."""
        labels = self.original["metadata"].get("labels", {})
        return str(labels.get(COMPONENT, "")).removesuffix("-controller")


def order(components: Mapping[str, Any]) -> list[str]:
    """Return the components in the order in which they are applied.

    Those with a Deployment are first, for others to patch it; the one that narrows all others is last.
    """

    def rank(name: str) -> tuple[bool, bool, str]:
        brings_deployment = any(one["kind"] == "Deployment" for one in components[name]["resources"])
        return name == NAMESPACED, not brings_deployment, name

    return sorted(components, key=rank)


def template_all(manifests: Manifests) -> list[Templated]:
    """Return every object of manifests and components, with all that components and values can make of it.

    Raises PatchFailed when a component does not fit.
    """
    made = [Templated(one, "", _plant(one)) for one in manifests.objects]
    for name in order(manifests.components):
        component = manifests.components[name]
        made += [Templated(one, name, _plant(one), ALWAYS.and_only(name)) for one in component["resources"]]
        for described in component["patches"]:
            _apply(made, name, described)
    for one in made:
        _fill_in(one)
    return made


def _plant(obj: Mapping[str, Any]) -> Branch:
    tree = plant(obj)
    assert isinstance(tree, Branch)
    return tree


def _apply(objects: Sequence[Templated], component: str, described: Mapping[str, Any]) -> None:
    for one in objects:
        if not matches(described["target"], one.original):
            continue
        if described.get("delete"):
            one.condition = one.condition.and_without(component)
            continue
        for operation in described["operations"]:
            patch(one.tree, operation, component)


def _fill_in(one: Templated) -> None:
    change_scalars(one.tree, _place)
    metadata = branch_at(one.tree, "metadata")
    labels = _own_labels(metadata)
    put(metadata, "labels", labels)
    match one.kind:
        case "Deployment":
            _fill_in_deployment(one.tree)
        case "ServiceAccount":
            put(metadata, "annotations", Setting("$settings.serviceAccount.annotations"))


def _place(path: tuple[str, ...], value: Scalar) -> Node:
    """Return what stands for the namespace of the manifests, and for the name of the installation."""
    if path[-1] == INSTANCE:
        return RELEASE_NAME
    return RELEASE_NAMESPACE if value == NAMESPACE else value


def _own_labels(metadata: Branch) -> Branch:
    """Return the labels without those that all objects have, which a template of the chart gives."""
    present = next((slot.alternatives[0].node for slot in metadata.slots if slot.key == "labels"), None)
    slots = present.slots if isinstance(present, Branch) else []
    labels = Branch("map", [slot for slot in slots if slot.key not in _OF_LABELS])
    labels.appended = ['{{- include "tagline.labels" . | nindent 4 }}']
    return labels


def _fill_in_deployment(tree: Branch) -> None:
    spec, template = branch_at(tree, "spec"), branch_at(tree, "spec", "template")
    metadata, pod = branch_at(template, "metadata"), branch_at(template, "spec")
    replicas = Text("{{ int $settings.replicas }}")
    put(
        spec,
        "replicas",
        Fallback('not (kindIs "invalid" $settings.replicas)', replicas, alternatives(spec, "replicas")),
    )
    put(metadata, "annotations", Setting("$settings.podAnnotations"))
    branch_at(metadata, "labels").appended = _more("$settings.podLabels", 8)
    app = value_of(branch_at(spec, "selector", "matchLabels"))["app"]
    spread = Text(f'{{{{- include "tagline.spread" (list $settings.topologySpreadConstraints "{app}") | nindent 6 }}}}')
    values: dict[str, Text | Setting] = {
        "affinity": Setting("$settings.affinity", is_optional=False),
        "priorityClassName": Text("{{ $settings.priorityClassName | quote }}"),
        "tolerations": Setting("$settings.tolerations", is_optional=False),
        "topologySpreadConstraints": spread,
    }
    for key, given in values.items():
        put(pod, key, Fallback(f"$settings.{key}", given, alternatives(pod, key)))
    put(pod, "nodeSelector", Setting("$settings.nodeSelector"))
    put(pod, "securityContext", Setting("$settings.podSecurityContext"))
    put(pod, "imagePullSecrets", Setting(".Values.imagePullSecrets"))
    put(pod, "terminationGracePeriodSeconds", Text("{{ int $settings.terminationGracePeriodSeconds }}"))
    branch_at(pod, "volumes").appended = _more("$settings.extraVolumes", 6)
    _fill_in_container(branch_at(pod, "containers", 0))


def _fill_in_container(container: Branch) -> None:
    put(container, "image", Text('{{ include "tagline.image" . | quote }}'))
    put(container, "imagePullPolicy", Text("{{ .Values.image.pullPolicy }}"))
    put(container, "resources", Setting("$settings.resources"))
    put(container, "securityContext", Setting("$settings.securityContext"))
    arguments = branch_at(container, "args")
    change_scalars(arguments, _argument)
    arguments.appended = ["{{- range $settings.args }}", "- {{ . | quote }}", "{{- end }}"]
    branch_at(container, "env").appended = _more("$settings.extraEnv", 8)
    branch_at(container, "volumeMounts").appended = _more("$settings.extraVolumeMounts", 8)


def _argument(path: tuple[str, ...], value: Scalar) -> Node:
    """Return an argument with the value that the chart gives its flag, if it does."""
    text = str(value)
    for flag, given in _ARGUMENTS.items():
        if text.startswith(flag):
            return Text(given)
    domain = f".svc.{CLUSTER_DOMAIN}"
    return Text(text.replace(domain, ".svc.{{ .Values.clusterDomain }}")) if domain in text else value


def _more(expression: str, indent: int) -> list[str]:
    """Return lines that add what a value holds, if anything."""
    return [f"{{{{- with {expression} }}}}", f"{{{{- toYaml . | nindent {indent} }}}}", "{{- end }}"]
