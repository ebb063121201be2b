"""The pods of Flux's controllers and of tagline's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from api.names import DEPLOYMENTS, PODS
from cli.grammar.globals import DEFAULT_NAMESPACE
from cli.grammar.session import Failed
from cli.kinds.kind import Object

if TYPE_CHECKING:
    from cli.kube.client import Cluster

OWN_NAMESPACE: Final = "tagline-system"
PART_OF: Final = "app.kubernetes.io/part-of in (flux,tagline)"
CONTAINER: Final = "manager"


def controllers_in(cluster: "Cluster", namespace: str) -> list[Object]:
    """Return the Deployments of controllers in a namespace. Raises ApiError."""
    return list(cluster.list(DEPLOYMENTS, namespace, labels=PART_OF))


def namespaces_of(namespace: str) -> Sequence[str]:
    """Return where controllers are: in the namespace that was named; if it is Flux's, in tagline's as well."""
    return (namespace, OWN_NAMESPACE) if namespace == DEFAULT_NAMESPACE else (namespace,)


def find_pods(cluster: "Cluster", namespace: str) -> list[Object]:
    """Return the pods of all controllers. Raises Failed when there are none, ApiError."""
    from controllers.runtime.kube.errors import Forbidden  # noqa: PLC0415 -- loaded with the cluster

    found: dict[tuple[str, str], Object] = {}
    for place in namespaces_of(namespace):
        try:
            for deployment in controllers_in(cluster, place):
                labels = ((deployment.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
                selector = ",".join(f"{name}={value}" for name, value in labels.items())
                for pod in cluster.list(PODS, place, labels=selector) if selector else ():
                    found[place, pod["metadata"]["name"]] = pod
        except Forbidden:
            # Who may read Flux's logs and not tagline's is not kept from Flux's.
            if place == namespace or not found:
                raise
    if not found:
        raise Failed(f'no Flux pods found in namespace "{namespace}"')
    return list(found.values())
