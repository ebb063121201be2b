"""Which kind a word means: what the API server says that it has.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from api.resource import Resource
from cli.grammar.session import Failed

if TYPE_CHECKING:
    from cli.kube.client import Cluster


def find_kind(cluster: "Cluster", kind: str, api_version: str) -> Resource:
    """Return the resource of a kind; upper and lower case are the same. Raises Failed, ApiError."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415 -- loaded with the cluster

    try:
        for resource, _ in _resources(cluster, api_version):
            if resource.kind.lower() == kind.lower():
                return resource
    except NotFound:
        pass
    raise Failed(f'no matches for kind "{kind}" in version "{api_version}"')


def find_word(cluster: "Cluster", word: str) -> Resource:
    """Return the resource that a word means as with `kubectl get`: kind, plural, singular, short name, `plural.group`.

    A group whose own server is away, as that of metrics often is, keeps no other back. Raises Failed, ApiError.
    """
    from controllers.runtime.kube.errors import NotFound, ServerError  # noqa: PLC0415 -- loaded with the cluster

    wanted, unlisted = word.lower(), ""
    for api_version in versions(cluster):
        try:
            for resource, names in _resources(cluster, api_version):
                if wanted in names or wanted == f"{resource.plural}.{resource.group}":
                    return resource
        except (NotFound, ServerError) as error:
            unlisted = unlisted or f"{api_version} ({error.message})"
    if unlisted:
        raise Failed(f'no resource type "{word}" is known, and the server does not say which there are in {unlisted}')
    raise Failed(f'the server doesn\'t have a resource type "{word}"')


def listable_kinds(cluster: "Cluster", api_version: str) -> list[Resource]:
    """Return the kinds of a group of which a namespace can have objects that can be listed. Raises ApiError."""
    return [
        _resource(found, api_version)
        for found in _found(cluster, api_version)
        if found["namespaced"] and "list" in (found.get("verbs") or ())
    ]


def versions(cluster: "Cluster") -> Iterator[str]:
    """Yield the core API, the preferred version of each group as the server orders them, and then all other versions.

    A group may have kinds that its preferred version lacks, as `notification.toolkit.fluxcd.io` has Alerts.
    """
    yield "v1"
    others: list[str] = []
    for group in _read(cluster, "/apis").get("groups") or ():
        preferred = str(group["preferredVersion"]["groupVersion"])
        yield preferred
        others += [one["groupVersion"] for one in group.get("versions") or () if one["groupVersion"] != preferred]
    yield from others


def _resources(cluster: "Cluster", api_version: str) -> Iterator[tuple[Resource, frozenset[str]]]:
    for found in _found(cluster, api_version):
        yield _resource(found, api_version), frozenset(_names(found))


def _found(cluster: "Cluster", api_version: str) -> Iterator[dict[str, Any]]:
    path = f"/apis/{quote(api_version)}" if "/" in api_version else f"/api/{quote(api_version)}"
    for found in _read(cluster, path).get("resources") or ():
        if "/" not in found["name"]:
            yield found


def _resource(found: dict[str, Any], api_version: str) -> Resource:
    group, _, version = api_version.rpartition("/")
    return Resource(group, version, found["name"], found["kind"], namespaced=bool(found["namespaced"]))


def _read(cluster: "Cluster", path: str) -> dict[str, Any]:
    from cli.kube.objects import decode  # noqa: PLC0415 -- loaded with the cluster

    return decode(f"get {path}", cluster.raw(path))


def _names(found: dict[str, Any]) -> Iterator[str]:
    yield found["name"]
    yield found["kind"].lower()
    if found.get("singularName"):
        yield found["singularName"]
    yield from found.get("shortNames") or ()
