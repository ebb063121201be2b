"""`hack.chart.values`: what values do to the objects, and which are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from cli.installing.build import packaged
from hack.chart.equal_test import HELM, Objects, refused, template
from hack.chart.files import CHART, make_values

pytestmark = pytest.mark.skipif(HELM is None, reason="there is no helm: make helm builds it")
NAMES = ("imagepolicy", "imagerepository", "imageupdateautomation")
DIGEST = f"sha256:{'0' * 64}"


def pod(objects: Objects, name: str = "imagepolicy") -> dict[str, Any]:
    spec: dict[str, Any] = objects["Deployment", f"{name}-controller"]["spec"]["template"]["spec"]
    return spec


def container(objects: Objects, name: str = "imagepolicy") -> dict[str, Any]:
    (found,) = pod(objects, name)["containers"]
    return dict(found)


def given(tmp_path: Path, values: dict[str, Any]) -> Objects:
    path = tmp_path / "values.yaml"
    path.write_text(json.dumps(values))
    return template("--values", str(path))


def test_an_image_is_named_by_digest_where_there_is_one() -> None:
    assert (
        container(template(f"--set=image.digest={DIGEST},image.tag=v2"))["image"]
        == f"ghcr.io/tagline/tagline:v2@{DIGEST}"
    )


def test_a_controllers_own_settings_meet_those_of_all(tmp_path: Path) -> None:
    objects = given(
        tmp_path,
        {
            "args": ["--concurrent=10"],
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
            "nodeSelector": {"zone": "a"},
            "replicas": 2,
            "controllers": {
                "imagepolicy": {
                    "args": ["--concurrent=3"],
                    "extraEnv": [{"name": "A", "value": "b"}],
                    "nodeSelector": {"zone": "b", "kubernetes.io/os": None},
                    "replicas": 0,
                    "resources": {"limits": {"memory": "2Gi"}},
                    "securityContext": {"readOnlyRootFilesystem": False},
                }
            },
        },
    )
    own, other = container(objects), container(objects, "imagerepository")
    assert own["args"][-2:] == ["--concurrent=10", "--concurrent=3"]
    assert other["args"][-1] == "--concurrent=10"
    assert [one["name"] for one in own["env"][-2:]] == ["HTTPS_PROXY", "A"]
    assert pod(objects)["nodeSelector"] == {"zone": "b"}
    assert pod(objects, "imagerepository")["nodeSelector"] == {"zone": "a", "kubernetes.io/os": "linux"}
    assert own["resources"]["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert other["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    assert (own["securityContext"]["readOnlyRootFilesystem"], own["securityContext"]["runAsNonRoot"]) == (False, True)
    assert [objects["Deployment", f"{name}-controller"]["spec"]["replicas"] for name in NAMES] == [0, 2, 2]


def test_pods_get_what_is_asked_for(tmp_path: Path) -> None:
    objects = given(
        tmp_path,
        {
            "affinity": {"nodeAffinity": {}},
            "commonLabels": {"team": "platform"},
            "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/certs", "readOnly": True}],
            "podAnnotations": {"prometheus.io/scrape": None, "a": "b"},
            "podLabels": {"azure.workload.identity/use": "true"},
            "podSecurityContext": {"runAsUser": 1000620000, "runAsGroup": None, "fsGroup": None},
            "priorityClassName": "system-cluster-critical",
            "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}},
            "terminationGracePeriodSeconds": 60,
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
                {
                    "maxSkew": 1,
                    "topologyKey": "host",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"x": "y"}},
                },
            ],
        },
    )
    for name in NAMES:
        deployment, found = objects["Deployment", f"{name}-controller"], pod(objects, name)
        metadata = deployment["spec"]["template"]["metadata"]
        assert found["affinity"] == {"nodeAffinity": {}}
        assert found["volumes"][-1] == {"name": "ca", "configMap": {"name": "ca"}}
        assert container(objects, name)["volumeMounts"][-1]["mountPath"] == "/etc/ssl/certs"
        assert {"prometheus.io/port": "8080", "a": "b"}.items() <= metadata["annotations"].items()
        assert "prometheus.io/scrape" not in metadata["annotations"]
        assert metadata["labels"]["azure.workload.identity/use"] == "true"
        assert metadata["labels"].items() >= deployment["spec"]["selector"]["matchLabels"].items()
        assert found["securityContext"] == {
            "runAsNonRoot": True, "runAsUser": 1000620000, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        assert found["priorityClassName"] == "system-cluster-critical"
        assert found["terminationGracePeriodSeconds"] == 60
        selectors = [one["labelSelector"]["matchLabels"] for one in found["topologySpreadConstraints"]]
        assert selectors == [{"app": f"{name}-controller"}, {"x": "y"}]
        account = objects["ServiceAccount", f"{name}-controller"]["metadata"]
        assert account["annotations"] == {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}
    assert all(obj["metadata"]["labels"]["team"] == "platform" for obj in objects.values())


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
def test_the_prometheus_operator_finds_the_pods(kind: str) -> None:
    name = kind[0].lower() + kind[1:]
    objects = template(
        f"--set=metrics.{name}.enabled=true,metrics.{name}.labels.release=prometheus,metrics.{name}.interval=30s"
    )
    monitor = objects[kind, "tagline"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "http-prom", "path": "/metrics", "interval": "30s", "honorLabels": True}
    assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/part-of"
    labels = objects["Deployment", "imagepolicy-controller"]["spec"]["template"]["metadata"]["labels"]
    selected = monitor["spec"]["selector"]["matchLabels"]
    if kind == "ServiceMonitor":
        service = objects["Service", "tagline-metrics"]
        assert service["metadata"]["labels"].items() >= selected.items()
        selected = service["spec"]["selector"]
    assert labels.items() >= selected.items()


@pytest.mark.parametrize("own", ["podMonitor", "serviceMonitor"])
def test_the_component_brings_its_own_monitor_and_rules_keep_their_templates(own: str) -> None:
    objects = template(f"--set=components.monitoring=true,metrics.{own}.enabled=true")
    assert [kind for kind, name in objects if name == "tagline"] == ["PodMonitor", "PrometheusRule"]
    rules = [rule for group in objects["PrometheusRule", "tagline"]["spec"]["groups"] for rule in group["rules"]]
    assert any("{{ $labels.kind }}" in rule["annotations"]["description"] for rule in rules)
    dashboard = json.loads(objects["ConfigMap", "tagline-dashboard"]["data"]["tagline.json"])
    assert "{{kind}}" in json.dumps(dashboard["panels"])


def test_crds_stay_unless_they_are_not_to_and_are_left_out_where_others_apply_them() -> None:
    crds = [obj for (kind, _), obj in template("--set=crds.keep=false").items() if kind == "CustomResourceDefinition"]
    assert len(crds) == 5
    assert not any("helm.sh/resource-policy" in (crd["metadata"].get("annotations") or {}) for crd in crds)
    assert not any(kind == "CustomResourceDefinition" for kind, _ in template("--set=crds.install=false"))


@pytest.mark.parametrize(
    ("value", "named"),
    [
        pytest.param("replica=2", "replica", id="unknown"),
        pytest.param("image.repositry=x", "repositry", id="unknown-below"),
        pytest.param("components.fluxSource=true", "fluxSource", id="unknown-component"),
        pytest.param("controllers.imagepolicies.enabled=true", "imagepolicies", id="unknown-controller"),
        pytest.param("controllers.imagepolicy.replica=2", "replica", id="unknown-setting-of-a-controller"),
        pytest.param("controllers.imagepolicy.image.tag=v2", "image", id="setting-that-only-all-have"),
        pytest.param("replicas=-1", "replicas", id="negative"),
        pytest.param("logLevel=loud", "logLevel", id="not-a-level"),
        pytest.param("components.namespaced=yes", "namespaced", id="text-for-a-switch"),
        pytest.param("args[0]=concurrent", "args", id="not-a-flag"),
        pytest.param("image.digest=abc", "digest", id="not-a-digest"),
        pytest.param("podLabels.app=mine", "/podLabels/app", id="label-that-selects"),
        pytest.param("commonLabels.helm\\.sh/chart=x", "/commonLabels/helm.sh~1chart", id="label-that-all-have"),
        pytest.param("sharedOnly=true,components.namespaced=true", "sharedOnly", id="both-halves"),
        pytest.param(
            "metrics.podMonitor.enabled=true,metrics.serviceMonitor.enabled=true", "metrics", id="scraped-twice"
        ),
    ],
)  # fmt: skip
def test_values_that_cannot_be_meant_are_refused(value: str, named: str) -> None:
    assert named in refused(f"--set={value}")


def test_the_chart_may_be_a_part_of_another_one() -> None:
    template("--set=global.x=y,enabled=true")


def test_the_readme_has_every_value() -> None:
    text = (CHART / "README.md").read_text()
    assert [one.path for one in make_values(packaged()).rows() if f"| `{one.path}` |" not in text] == []


def test_values_yaml_has_every_default() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for one in make_values(packaged()).rows():
        found: Any = values
        for key in one.path.split("."):
            found = found[key]
        assert found == one.default, one.path
