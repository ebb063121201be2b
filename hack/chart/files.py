"""All files of the chart, from the manifests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from api.kinds import KINDS
from api.version import VERSION
from cli.checking.prerequisites import OLDEST
from cli.installing.build import COMPONENT, Manifests
from cli.yaml_text import to_yaml
from hack.chart.objects import order, template_all
from hack.chart.readme import render_readme
from hack.chart.templates import render_templates, value_name
from hack.chart.values import Controller, Table, Toggle, Values, read_table
from hack.packaged import MANIFESTS

CHART: Final = MANIFESTS / "chart"
STATIC: Final = Path(__file__).with_name("static")
"""Files that are in the chart as they are here."""
SETTINGS: Final = "@SETTINGS@"
"""In the templates: the keys of what can be set for each controller."""


def chart_files(manifests: Manifests) -> dict[str, str]:
    """Return the text of every file of the chart, by its path in it."""
    values = make_values(manifests)
    keys = " ".join(json.dumps(key) for key in dict.fromkeys(one.path.partition(".")[0] for one in values.settings))
    copied = {
        path.relative_to(STATIC).as_posix(): path.read_text().replace(SETTINGS, keys)
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
    }
    templates = render_templates(template_all(manifests))
    return {
        "Chart.yaml": to_yaml(_description()),
        "README.md": render_readme(values),
        "values.yaml": values.yaml(),
        "values.schema.json": json.dumps(values.schema(), indent=2, ensure_ascii=False) + "\n",
        **copied,
        **{f"templates/{name}": text for name, text in templates.items()},
    }


def make_values(manifests: Manifests) -> Values:
    """Return the values: those of the table, the controllers, and a toggle for each component."""
    brought = [(name, one) for name, held in manifests.components.items() for one in held["resources"]]
    deployments = [(origin, one) for origin, one in [*(("", obj) for obj in manifests.objects), *brought]
                   if one["kind"] == "Deployment"]  # fmt: skip
    table = read_table(deployments[0][1])
    return Values(table.general, table.settings, _controllers(deployments, table), _toggles(manifests, table))


def _controllers(deployments: Sequence[tuple[str, Mapping[str, Any]]], table: Table) -> list[Controller]:
    kinds = {kind.name: kind.resource.kind for kind in KINDS}
    found = [
        Controller(
            name=name,
            kind=kinds.get(name, name.capitalize()),
            component=value_name(origin) if origin else "",
            defaults=table.own_defaults(deployment),
        )
        for origin, deployment in deployments
        for name in [deployment["metadata"]["labels"][COMPONENT].removesuffix("-controller")]
    ]
    return sorted(found, key=lambda one: (bool(one.component), one.name))


def _toggles(manifests: Manifests, table: Table) -> list[Toggle]:
    return [
        Toggle(value_name(name), table.descriptions.get(name) or _describe(name))
        for name in order(manifests.components)
    ]


def _describe(component: str) -> str:
    """Return what a component's kustomization says above itself, without how to use it with kustomize."""
    lines = (MANIFESTS / "components" / component / "kustomization.yaml").read_text().splitlines()
    comment = lines[: lines.index("apiVersion: kustomize.config.k8s.io/v1alpha1")]
    sentences = " ".join(line.removeprefix("#").strip() for line in comment).partition("In a kustomization")[0]
    return sentences.strip()


def _description() -> dict[str, Any]:
    """Return Chart.yaml: https://helm.sh/docs/topics/charts/#the-chartyaml-file."""
    repository = "https://github.com/tagline/tagline"
    return {
        "apiVersion": "v2",
        "name": "tagline",
        "type": "application",
        "description": "Image automation for GitOps: watches registries, picks tags by policy, commits them to Git.",
        "version": VERSION,
        "appVersion": VERSION,
        "kubeVersion": f">={'.'.join(map(str, OLDEST))}.0-0",
        "home": repository,
        "sources": [repository],
        "keywords": ["gitops", "image-automation", "flux", "argocd"],
        "annotations": {"artifacthub.io/license": "Apache-2.0"},
    }
