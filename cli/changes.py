"""What there is and then what changes, also when the API server has forgotten where a watch began."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from api.resource import Resource

if TYPE_CHECKING:
    from cli.kube.client import Cluster

Object: TypeAlias = Mapping[str, Any]
_WITHOUT_END: Final = 86_400.0
"""Seconds of one watch where the command has no deadline."""


def follow_objects(
    cluster: "Cluster",
    resource: Resource,
    namespace: str,
    *,
    labels: str = "",
    fields: str = "",
    fetch: "Callable[[], tuple[Sequence[Object], str]]",
) -> Iterator[tuple[Sequence[Object], bool]]:
    """Yield all objects, then each that has changed, and whether it is gone.

    fetch: returns the objects and the version from which to watch; called again when the server has forgotten the
    version (410 Gone): what was told already is not told again. Raises TimedOut at the cluster's deadline, ApiError.
    """
    from controllers.runtime.kube.errors import Gone  # noqa: PLC0415 -- loaded with the cluster

    told: set[tuple[str, str]] = set()
    while True:
        objects, version = fetch()
        yield [obj for obj in objects if _version(obj) not in told], False
        told = {_version(obj) for obj in objects}
        left = cluster.deadline.remaining()
        watched = cluster.watch(
            resource,
            namespace,
            labels=labels,
            fields=fields,
            resource_version=version,
            timeout=_WITHOUT_END if left is None else left,
        )
        try:
            with closing(watched):
                for event, obj in watched:
                    told.add(_version(obj))
                    yield [obj], event == "DELETED"
        except Gone:
            continue
        return


def _version(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return str(metadata.get("uid", "")), str(metadata.get("resourceVersion", ""))
