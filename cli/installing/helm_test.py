"""Which release of Helm an object belongs to, and what is said about it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from api.names import DEPLOYMENTS, SECRETS
from api.resource import Resource
from cli.grammar.session import Failed
from cli.installing.build import Options
from cli.installing.helm import Release, Releases, chart_of, release_of
from cli.installing.resources import CONFIG_MAPS
from controllers.runtime.kube.errors import Forbidden

RELEASE = Release("ops", "tags")


def marked(name: str = "tags", *, arguments: tuple[str, ...] = ("--watch-all-namespaces",)) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "imagepolicy-controller",
            "namespace": "ops",
            "labels": {"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "tagline-0.1.0"},
            "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": "ops"},
        },
        "spec": {"template": {"spec": {"containers": [{"args": list(arguments)}]}}},
    }


class Objects:
    """A cluster that has some objects of some kinds; a kind with None may not be seen."""

    def __init__(self, objects: Mapping[Resource, list[dict[str, Any]] | None]) -> None:
        self._objects = objects
        self.asked: list[tuple[str, str, str]] = []

    def list(self, kind: Resource, namespace: str = "", *, labels: str = "") -> Iterator[dict[str, Any]]:
        self.asked.append((kind.kind, namespace, labels))
        found = self._objects.get(kind, [])
        if found is None:
            raise Forbidden("list secrets", "no", status=403)
        yield from found


def releases(objects: Mapping[Resource, list[dict[str, Any]] | None]) -> Releases:
    return Releases(Objects(objects))  # type: ignore[arg-type]


def test_only_an_object_with_all_marks_is_of_a_release() -> None:
    assert release_of(marked()) == RELEASE
    assert chart_of(marked()) == "tagline-0.1.0"
    for name in ("labels", "annotations"):
        obj = marked()
        del obj["metadata"][name]
        assert release_of(obj) is None
    obj = marked()
    obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "tagline"
    assert release_of(obj) is None


@pytest.mark.parametrize(
    ("objects", "is_there"),
    [
        pytest.param({}, False, id="nothing-left"),
        pytest.param({DEPLOYMENTS: [marked()]}, True, id="deployment"),
        pytest.param({DEPLOYMENTS: [marked("other")]}, False, id="deployment-of-another"),
        pytest.param({SECRETS: [{}]}, True, id="record-in-a-secret"),
        pytest.param({CONFIG_MAPS: [{}]}, True, id="record-in-a-config-map"),
        pytest.param({SECRETS: None}, True, id="record-that-may-not-be-seen"),
    ],
)
def test_a_release_is_there_while_it_has_a_record_or_a_deployment(
    objects: Mapping[Resource, list[dict[str, Any]] | None], is_there: bool
) -> None:
    found = releases(objects)
    assert found.holder(marked()) == (RELEASE if is_there else None)
    assert found.holder({"metadata": {}}) is None


def test_nothing_is_asked_for_an_object_without_marks_and_for_others_once() -> None:
    cluster = Objects({})
    found = Releases(cluster)  # type: ignore[arg-type]
    found.holder({"metadata": {}})
    assert cluster.asked == []
    for _ in range(3):
        found.holder(marked())
    assert cluster.asked[1:] == [
        ("Secret", "ops", "owner=helm,name=tags"),
        ("ConfigMap", "ops", "owner=helm,name=tags"),
    ]


@pytest.mark.parametrize(
    ("options", "arguments", "is_refused"),
    [
        pytest.param(Options(), ("--watch-all-namespaces",), True, id="both-see-all"),
        pytest.param(Options(), ("--watch-all-namespaces=false",), True, id="ours-sees-all"),
        pytest.param(Options(watch_all_namespaces=False), ("--watch-all-namespaces",), True, id="theirs-sees-all"),
        pytest.param(Options(watch_all_namespaces=False), ("--watch-all-namespaces=false",), False, id="apart"),
        pytest.param(
            Options(namespace="ops", watch_all_namespaces=False),
            ("--watch-all-namespaces=false",),
            True,
            id="same-namespace",
        ),
    ],
)
def test_an_installation_for_the_same_objects_is_refused(
    options: Options, arguments: tuple[str, ...], is_refused: bool
) -> None:
    found = releases({DEPLOYMENTS: [marked(arguments=arguments)]})
    assert found.in_namespace("ops") == RELEASE
    assert found.in_namespace("x") is None
    if not is_refused:
        found.refuse(options)
        return
    with pytest.raises(Failed, match=r"Helm's release ops/tags already.*`helm uninstall tags -n ops`.*--force"):
        found.refuse(options)
