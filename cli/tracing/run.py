"""`trace`, from what was asked for to what is printed."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from api.names import GIT_REPOSITORIES
from api.resource import Resource
from cli.fields import mapping, text
from cli.grammar.session import Failed, Session
from cli.kinds.kind import Object
from cli.kinds.other import COUNTED
from cli.output import write_output
from cli.tracing.discovery import find_kind, find_word
from cli.tracing.owners import find_manager
from cli.tracing.report import Section, format_report, manager_section, object_section, source_section

if TYPE_CHECKING:
    from cli.kube.client import Cluster

_SOURCES = {resource.kind: resource for resource in (GIT_REPOSITORIES, *COUNTED)}


def trace(session: Session, arguments: tuple[str, ...], *, kind: str, api_version: str) -> None:
    """Print where objects come from. Raises Failed, ApiError."""
    for at, (resource, shown, name) in enumerate(_subjects(session.cluster, arguments, kind, api_version)):
        obj = _read(session, resource, name)
        manager = find_manager(session.cluster, obj)
        namespace = obj["metadata"].get("namespace", "")
        if manager is None:
            place = f" in namespace {namespace}" if namespace else ""
            session.report.plain(f"failed to trace {shown}/{name}{place}: object not managed by Flux")
            continue
        sections = [object_section(shown, obj), manager_section(*manager), *_source(session.cluster, manager[1])]
        write_output([b"---\n" if at else b"", format_report(sections).encode()])


def _subjects(
    cluster: "Cluster", arguments: tuple[str, ...], kind: str, api_version: str
) -> Iterator[tuple[Resource, str, str]]:
    """Yield resource, kind as it is shown, and name."""
    if kind or api_version:
        if not kind:
            raise Failed("object kind is required (--kind)")
        if not api_version:
            raise Failed("object apiVersion is required (--api-version)")
        if len(arguments) != 1:
            raise Failed("object name is required" if not arguments else "--kind and --api-version take one name")
        resource = find_kind(cluster, kind, api_version)
        yield resource, resource.kind, arguments[0]
        return
    if any(argument.count("/") > 1 for argument in arguments):
        raise Failed("arguments in resource/name form may not have more than one slash")
    if arguments and all("/" in argument for argument in arguments):
        pairs = [argument.partition("/")[::2] for argument in arguments]
    else:
        pairs = [(arguments[0], name) for name in arguments[1:]] if arguments else []
    if not pairs or not all(word and name for word, name in pairs):
        raise Failed("either `<resource>/<name>` or `<resource> <name>` is required as an argument")
    known: dict[str, Resource] = {}
    for word, name in pairs:
        if word not in known:  # it takes a request for each group of the API
            known[word] = find_word(cluster, word)
        yield known[word], known[word].kind, name


def _read(session: Session, resource: Resource, name: str) -> Object:
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415 -- loaded with the cluster

    try:
        return session.cluster.get(resource, session.namespace if resource.namespaced else "", name)
    except NotFound as error:
        raise Failed(f"failed to find object: {error.message}") from error


def _source(
    cluster: "Cluster", manager: Object, seen: frozenset[tuple[str, str, str]] = frozenset()
) -> Iterator[Section]:
    """Yield the source of a Kustomization; of a HelmRelease its chart, and the source of that."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415 -- loaded with the cluster

    ref = mapping(manager, "spec", "sourceRef") or mapping(manager, "spec", "chartRef") or _inline_chart(manager)
    resource, name = _SOURCES.get(text(ref, "kind")), text(ref, "name")
    if resource is None or not name:
        return
    namespace = text(ref, "namespace") or text(manager, "metadata", "namespace")
    own = resource.kind, namespace, name
    if own in seen:  # sources in a circle have no end
        return
    try:
        source = cluster.get(resource, namespace, name)
    except NotFound:
        yield [(resource.kind, f"{name} (not found)")]
        return
    yield source_section(resource, source)
    if mapping(source, "spec", "sourceRef"):
        yield from _source(cluster, source, seen | {own})


def _inline_chart(release: Object) -> Mapping[str, str]:
    """Return a reference to the HelmChart that a HelmRelease without a chartRef makes; empty where there is none."""
    namespace, _, name = text(release, "status", "helmChart").partition("/")
    return {"kind": "HelmChart", "namespace": namespace, "name": name} if name else {}
