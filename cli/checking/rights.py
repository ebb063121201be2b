"""Whether the controllers' ServiceAccounts have the rights that their roles should give, asked one by one.

https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from api.resource import Resource
from cli.checking.installed import Installation
from cli.grammar.session import Reporter
from cli.installing.build import Options, build, feature_names
from cli.installing.resources import ref_of, resource_of

if TYPE_CHECKING:
    from cli.kube.client import Cluster

_GROUP: Final = "authorization.k8s.io"
_OF_OTHERS: Final = Resource(_GROUP, "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)
_OWN: Final = Resource(_GROUP, "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False)


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that an account should be allowed."""

    account: str
    account_namespace: str
    verb: str
    group: str
    resource: str
    """With its subresource behind a slash."""
    namespace: str
    """Empty for all."""
    name: str
    """Empty for any."""

    def __str__(self) -> str:
        """Return the right in the words of the API server's refusals."""
        place = f"in the namespace {self.namespace}" if self.namespace else "in all namespaces"
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}{f' {self.name}' if self.name else ''} {place}"


def check_accounts(cluster: "Cluster", installation: Installation, report: Reporter) -> bool:
    """Say of each ServiceAccount whether it has all its rights, and which it lacks. Raises ApiError."""
    from controllers.runtime.kube.errors import Forbidden  # noqa: PLC0415

    by_account: dict[str, list[Right]] = {}
    for right in expected(installation.options, is_limited=installation.inventory is None):
        by_account.setdefault(right.account, []).append(right)
    is_good = True
    for account, rights in sorted(by_account.items()):
        try:
            missing = [right for right in rights if not _is_allowed(cluster, right)]
        except Forbidden as error:
            report.warning(f"{account}: its rights cannot be asked for: {error.message}")
            continue
        for right in missing:
            report.failure(f"{account}: may not {right}: repeat `tagline install`, or look at who changed its roles")
        if not missing:
            report.success(f"{account}: has all {len(rights)} rights")
        is_good &= not missing
    return is_good


def check_own(cluster: "Cluster", options: Options, report: Reporter) -> None:
    """Warn of objects that whoever runs this may not install. Raises ApiError."""
    denied = []
    places = {(ref_of(obj).api_version, obj["kind"], ref_of(obj).namespace) for obj in build(options)}
    for api_version, kind, namespace in sorted(places):
        resource = resource_of(cluster, api_version, kind)
        for verb in ("create", "patch"):
            attributes = {"verb": verb, "group": resource.group, "resource": resource.plural, "namespace": namespace}
            answer = cluster.create(_OWN, "", {"spec": {"resourceAttributes": attributes}})
            if not answer["status"].get("allowed"):
                place = f" in the namespace {namespace}" if namespace else ""
                denied.append(f"{verb} {'.'.join(filter(None, (resource.plural, resource.group)))}{place}")
    for what in denied:
        report.warning(f"you may not {what}, which `tagline install` does")


def expected(options: Options, *, is_limited: bool = False) -> Iterator[Right]:
    """Yield every right that the roles of an installation give.

    is_limited: Secrets may be opened by each namespace for itself, so nothing is expected of them.
    Of parts that only another release has, by which it may have been installed, nothing can be known.
    """
    known = feature_names()
    objects = build(replace(options, features=tuple(name for name in options.features if name in known)))
    roles = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        role = roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]
        for rule, subject in product(role["rules"], binding["subjects"]):
            if is_limited and "secrets" in rule["resources"]:
                continue
            for verb, group, resource, name in product(
                rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames") or ("",)
            ):
                yield Right(
                    subject["name"], subject["namespace"], verb, group, resource,
                    binding["metadata"].get("namespace", ""), name,
                )  # fmt: skip


def _is_allowed(cluster: "Cluster", right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb, "group": right.group, "resource": resource, "subresource": subresource,
        "namespace": right.namespace, "name": right.name,
    }  # fmt: skip
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{right.account_namespace}", "system:authenticated"]
    answer: Mapping[str, Any] = cluster.create(
        _OF_OTHERS,
        "",
        {
            "spec": {
                "user": f"system:serviceaccount:{right.account_namespace}:{right.account}",
                "groups": groups,
                "resourceAttributes": attributes,
            }
        },
    )
    return bool(answer["status"].get("allowed"))
