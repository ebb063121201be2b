"""Rights of the controllers, asked one by one."""

from collections.abc import Mapping
from io import StringIO
from typing import Any, cast

from cli.checking import rights
from cli.checking.installed import Installation
from cli.grammar.session import Reporter
from cli.installing.build import Options
from cli.installing.inventory import Inventory
from cli.kube.client import Cluster
from controllers.runtime.kube.errors import Forbidden
from testing.cluster import FakeCluster


class Authorizer(FakeCluster):
    """Allows what is not denied. denied: verbs on resources."""

    def __init__(self, *denied: tuple[str, str]) -> None:
        super().__init__()
        self.denied = denied
        self.asked: list[Mapping[str, Any]] = []

    def create(self, resource: Any, namespace: str, body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        self.asked.append(body["spec"])
        attributes = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": (attributes["verb"], attributes["resource"]) not in self.denied}}


def check(cluster: FakeCluster, options: Options) -> tuple[bool, str]:
    said = StringIO()
    installation = Installation(options.namespace, Inventory(options, ()), ())
    return rights.check_accounts(cast("Cluster", cluster), installation, Reporter(said)), said.getvalue()


def test_each_rule_is_asked_for_the_account_that_it_is_for() -> None:
    cluster = Authorizer()
    good, said = check(cluster, Options(namespace="ops", components=("imagepolicy-controller",)))
    assert good
    assert said == f"✔ imagepolicy-controller: has all {len(cluster.asked)} rights\n"
    assert {one["user"] for one in cluster.asked} == {"system:serviceaccount:ops:imagepolicy-controller"}
    asked = [one["resourceAttributes"] for one in cluster.asked]
    assert {
        "verb": "patch", "group": "image.toolkit.fluxcd.io", "resource": "imagepolicies", "subresource": "status",
        "namespace": "", "name": "",
    } in asked  # fmt: skip
    assert {
        "verb": "update", "group": "coordination.k8s.io", "resource": "leases", "subresource": "",
        "namespace": "ops", "name": "imagepolicy-controller-leader-election",
    } in asked  # fmt: skip


def test_of_parts_that_only_another_release_has_nothing_is_expected() -> None:
    known = list(rights.expected(Options(features=("flux-sources",))))
    assert list(rights.expected(Options(features=("of-tomorrow", "flux-sources")))) == known


def test_what_is_denied_is_named() -> None:
    good, said = check(Authorizer(("get", "secrets")), Options())
    assert not good
    assert said.count("may not get secrets in all namespaces: repeat `tagline install`") == 3


def test_rights_of_one_namespace_are_asked_for_there() -> None:
    _, said = check(Authorizer(("get", "secrets")), Options(namespace="ops", watch_all_namespaces=False))
    assert "may not get secrets in the namespace ops" in said


def test_secrets_that_namespaces_open_themselves_are_not_asked_for() -> None:
    good, _ = check(Authorizer(("get", "secrets")), Options(features=("secrets-by-namespace",)))
    assert good


def test_who_may_not_ask_is_told_and_nothing_is_called_wrong() -> None:
    class Closed(FakeCluster):
        def create(self, resource: Any, namespace: str, body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
            raise Forbidden("create", "subjectaccessreviews is forbidden", status=403)

    good, said = check(Closed(), Options(components=("imagepolicy-controller",)))
    assert good
    assert said == "⚠️  imagepolicy-controller: its rights cannot be asked for: subjectaccessreviews is forbidden\n"


def test_what_one_may_not_install_is_told() -> None:
    said = StringIO()
    rights.check_own(cast("Cluster", Authorizer(("create", "clusterroles"))), Options(), Reporter(said))
    line = "⚠️  you may not create clusterroles.rbac.authorization.k8s.io, which `tagline install` does\n"
    assert said.getvalue() == line
