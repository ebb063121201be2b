"""`tagline version`: of the command line, and of what a cluster runs."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from api.names import CUSTOM_RESOURCE_DEFINITIONS, GIT_REPOSITORIES
from api.version import VERSION
from cli.grammar.flags import switch, text
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command
from cli.kinds.kind import Object

if TYPE_CHECKING:
    from cli.kube.client import Cluster
    from controllers.runtime.kube.errors import NotConfigured

PROGRAM: Final = "tagline"
OUTPUTS: Final = ("yaml", "json")
PART_OF: Final = "app.kubernetes.io/part-of"
_VERSION: Final = "app.kubernetes.io/version"
_DISTRIBUTION: Final = "distribution"


def _run(session: Session, arguments: tuple[str, ...], *, client: bool, output: str) -> None:
    from cli.output import encode_text, one_line, write_output  # noqa: PLC0415 -- not for help

    if output not in OUTPUTS:
        raise Failed(f"--output must be json or yaml, not {output}")
    own = {PROGRAM: f"v{VERSION}"}
    others, failure = ({}, None) if client else _others(session)
    if output == "json":
        import json  # noqa: PLC0415 -- most want the lines

        first = {name: version for name, version in others.items() if name == _DISTRIBUTION}
        shown = json.dumps(first | own | others, indent=2) + "\n"
    else:
        # The API server takes any text for an image.
        shown = "".join(f"{one_line(f'{name}: {version}')}\n" for name, version in (own | others).items())
    write_output([encode_text(shown)])
    if failure is not None:
        raise failure


def _others(session: Session) -> "tuple[dict[str, str], NotConfigured | None]":
    """Return the versions in the cluster; where none is configured why, and our own version is all there is."""
    from controllers.runtime.kube.errors import NotConfigured  # noqa: PLC0415 -- a client asks for none

    try:
        return cluster_versions(session.cluster, session.namespace), None
    except NotConfigured as error:
        return {}, error


def cluster_versions(cluster: "Cluster", namespace: str) -> dict[str, str]:
    """Return the distribution, if the CRDs name it, and the controllers with their images' tags, by name.

    Raises Failed when there are no controllers, ApiError.
    """
    from cli.podlogs.pods import controllers_in, namespaces_of  # noqa: PLC0415
    from controllers.runtime.kube.errors import Forbidden  # noqa: PLC0415 -- loaded with the cluster

    found: list[Object] = []
    for place in namespaces_of(namespace):
        try:
            found += controllers_in(cluster, place)
        except Forbidden:
            if place == namespace or not found:
                raise
    if not found:
        raise Failed(f"no deployments found in {namespace} namespace")
    controllers = {deployment["metadata"]["name"]: tag_of(images_of(deployment)) for deployment in found}
    return _distribution(cluster) | dict(sorted(controllers.items()))


def images_of(deployment: Object) -> Iterator[str]:
    """Yield the images of a Deployment's containers."""
    pod = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    yield from (str(container.get("image", "")) for container in pod.get("containers") or ())


def tag_of(images: Iterable[str]) -> str:
    """Return the tag of the first image; of one that has none its digest, or `latest`."""
    reference, at, digest = next(iter(images), "").partition("@")
    _, colon, tag = reference.rpartition("/")[2].partition(":")
    return tag if colon else digest if at else "latest"


def _distribution(cluster: "Cluster") -> dict[str, str]:
    from controllers.runtime.kube.errors import Forbidden, NotFound  # noqa: PLC0415 -- loaded with the cluster

    name = f"{GIT_REPOSITORIES.plural}.{GIT_REPOSITORIES.group}"
    try:
        definition = cluster.get(CUSTOM_RESOURCE_DEFINITIONS, "", name)
    except (Forbidden, NotFound):  # who may not read definitions may know the controllers
        return {}
    labels = definition["metadata"].get("labels") or {}
    named = [labels[label] for label in (PART_OF, _VERSION) if labels.get(label)]
    return {_DISTRIBUTION: "-".join(named)} if len(named) == 2 else {}


COMMAND = Command(
    name="version",
    run=_run,
    summary="print the versions of the command line and of what a cluster runs",
    examples="tagline version\ntagline version --client -o json\n",
    flags=(
        switch("--client", help="of the command line alone"),
        text("-o", "--output", default="yaml", values=OUTPUTS, help="json or yaml"),
    ),
)
