"""Names that a cluster and a kubeconfig have."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from api.names import NAMESPACES
from api.resource import Resource
from cli.grammar.session import Session


def names_of(session: Session, resource: Resource, *, without: Sequence[str] = ()) -> Iterator[str]:
    """Yield the names of objects in the session's namespace, but for those that are given already. Raises ApiError."""
    namespace = session.namespace if resource.namespaced else ""
    for obj in session.cluster.list(resource, namespace, page_size=0):
        if obj["metadata"]["name"] not in without:
            yield obj["metadata"]["name"]


def namespaces(session: Session) -> Iterator[str]:
    """Yield the namespaces of the cluster. Raises ApiError."""
    return names_of(session, NAMESPACES)


def _of_kubeconfig(section: str) -> Callable[[Session], Iterator[str]]:
    def names(session: Session) -> Iterator[str]:
        from cli.kube.config import default_paths  # noqa: PLC0415 -- only for these flags
        from cli.kube.kubeconfig import read  # noqa: PLC0415

        given = session.values["kubeconfig"]
        yield from sorted(getattr(read([given] if given else default_paths(session.environ), required=False), section))

    return names


BY_FLAG: Final[dict[str, Callable[[Session], Iterator[str]]]] = {
    "--namespace": namespaces,
    "--flux-namespace": namespaces,
    "--git-repo-namespace": namespaces,
    "--context": _of_kubeconfig("contexts"),
    "--cluster": _of_kubeconfig("clusters"),
    "--user": _of_kubeconfig("users"),
}
"""What may be a flag's value, whatever the command."""
