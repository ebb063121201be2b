"""`hack.chart`: what Helm makes of the chart is what kustomize makes of the manifests and `tagline install` applies.

But for labels that Helm's users expect, which name release, chart and Helm, and for the Namespace, which Helm makes
itself where it is asked to (--create-namespace).
"""

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from api.version import VERSION
from cli.installing.build import NAMESPACE, NAMESPACED, Options, build, packaged
from hack.chart.__main__ import main
from hack.chart.files import CHART
from hack.chart.objects import order
from hack.chart.templates import value_name
from hack.env.tools import find_program
from hack.packaged_test import by_name, overlay

HELM = find_program("helm")
pytestmark = [
    pytest.mark.skipif(HELM is None, reason="there is no helm: make helm builds it"),
    pytest.mark.skipif(find_program("kubectl") is None, reason="kustomize needs kubectl"),
]
Objects = dict[tuple[str, str], dict[str, Any]]
FEATURES = [name for name in order(packaged().components) if name != NAMESPACED]
RELEASE = "release"
OF_HELM = {
    "app.kubernetes.io/name": "tagline",
    "app.kubernetes.io/instance": RELEASE,
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/version": VERSION,
    "helm.sh/chart": f"tagline-{VERSION}",
}
KEEP = {"helm.sh/resource-policy": "keep"}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(HELM), *arguments], capture_output=True, text=True, check=False)


def template(*arguments: str, namespace: str = NAMESPACE) -> Objects:
    done = helm("template", RELEASE, str(CHART), "--namespace", namespace, *arguments)
    assert done.returncode == 0, done.stderr
    return by_name([one for one in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if one])


def refused(*arguments: str) -> str:
    done = helm("template", RELEASE, str(CHART), *arguments)
    assert done.returncode != 0, done.stdout
    return done.stderr


def switches(*components: str) -> list[str]:
    return [f"--set=components.{value_name(name)}=true" for name in components]


def of_helm(objects: Objects) -> Objects:
    """Return objects with what Helm adds to them."""
    made: list[dict[str, Any]] = json.loads(json.dumps(list(objects.values())))
    for obj in made:
        obj["metadata"]["labels"] = {**obj["metadata"].get("labels", {}), **OF_HELM}
        if obj["kind"] == "CustomResourceDefinition":
            obj["metadata"]["annotations"] = {**obj["metadata"].get("annotations", {}), **KEEP}
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/instance"] = RELEASE
    return by_name([obj for obj in made if obj["kind"] != "Namespace"])


def test_the_chart_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_helm_finds_nothing_to_complain_about() -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout


def test_with_the_defaults_it_installs_what_tagline_install_and_kubectl_install(tmp_path: Path) -> None:
    made = template()
    assert made == of_helm(overlay(tmp_path))
    assert made == of_helm(by_name(build(Options())))


@pytest.mark.parametrize(
    "components", [*((name,) for name in packaged().components), *itertools.combinations(FEATURES, 2), tuple(FEATURES)]
)
def test_components_are_those_of_the_manifests(tmp_path: Path, components: tuple[str, ...]) -> None:
    assert template(*switches(*components)) == of_helm(overlay(tmp_path, *components))


@pytest.mark.parametrize("components", [(name,) for name in FEATURES])
def test_components_go_with_one_namespace(tmp_path: Path, components: tuple[str, ...]) -> None:
    assert template(*switches(*components, NAMESPACED)) == of_helm(overlay(tmp_path, *components, NAMESPACED))


def test_what_a_cluster_shares_is_a_release_of_its_own_that_completes_those_of_namespaces() -> None:
    shared, limited = template("--set=sharedOnly=true"), template(*switches(NAMESPACED))
    assert shared.keys().isdisjoint(limited)
    built = of_helm(by_name(build(Options(watch_all_namespaces=False))))
    assert shared | limited == built


def test_another_namespace_is_that_of_the_release(tmp_path: Path) -> None:
    assert template(namespace="ops") == of_helm(overlay(tmp_path, namespace="ops"))
    assert NAMESPACE not in json.dumps(list(template(*switches(*FEATURES), namespace="ops").values()))


@pytest.mark.parametrize(
    ("value", "options"),
    [
        pytest.param("networkPolicy.enabled=false", Options(network_policy=False), id="network-policy"),
        pytest.param("logLevel=debug", Options(log_level="debug"), id="log-level"),
        pytest.param("image.tag=v9.9.9", Options(version="v9.9.9"), id="tag"),
        pytest.param("image.repository=example.com/x/tagline", Options(registry="example.com/x"), id="registry"),
        pytest.param("imagePullSecrets[0].name=pull", Options(image_pull_secret="pull"), id="pull-secret"),
        pytest.param(
            "tolerations[0].key=arm,tolerations[0].operator=Exists", Options(toleration_keys=("arm",)), id="tolerations"
        ),
        pytest.param(
            "controllers.imagepolicy.enabled=false,controllers.imageupdateautomation.enabled=false",
            Options(components=("imagerepository-controller",)),
            id="controllers",
        ),
        pytest.param(
            "components.fluxNotifications=true,clusterDomain=example.org",
            Options(features=("flux-notifications",), cluster_domain="example.org"),
            id="cluster-domain",
        ),
    ],
)
def test_values_do_what_the_flags_of_tagline_install_do(value: str, options: Options) -> None:
    assert template(f"--set={value}") == of_helm(by_name(build(options)))
