"""What verbs that change objects have in common."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cli.grammar.flags import switch
from cli.grammar.session import Failed, Session
from cli.kinds.kind import CliKind, Object
from cli.selecting import each_once, list_objects, suggest

MANAGER: Final = "flux"
"""Field manager of what we write into objects: that of the reference, so that either may change it later."""

ALL: Final = switch("--all", help="all objects of the namespace")


def find_named(
    session: Session,
    kind: CliKind,
    names: Sequence[str],
    *,
    all: bool,
    missing: str = "{kind} {name} not found in {namespace}",
    fails_on_nothing: bool = False,
) -> Iterator[Object]:
    """Yield the named objects in the order of their names as given, or with `all` and no names those of the namespace.

    missing: what is said of one that is not there, which is not an error, as in the reference. fails_on_nothing:
    whether a namespace without objects is one. Raises Failed.
    """
    from cli.kube.objects import NoSuchKind  # noqa: PLC0415
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    if not names and not all:
        raise Failed(f"{kind.human} name is required")
    if not names:
        found = list_objects(session, kind)
        if not found:
            text = f"no {kind.kind} objects found in {session.namespace} namespace"
            if fails_on_nothing:
                raise Failed(text)
            session.report.failure(text)
        yield from found
        return
    for name in each_once(names):
        try:
            yield session.cluster.get(kind.resource, session.namespace, name)
        except NoSuchKind:
            raise
        except NotFound:
            text = missing.format(kind=kind.kind, name=name, namespace=session.namespace)
            session.report.failure(f"{text} namespace{suggest(session, kind, name)}")


def patch_spec(session: Session, kind: CliKind, obj: Object, spec: Mapping[str, Any]) -> Object | None:
    """Merge fields into the object's spec, None removing one, and return the object. Raises ApiError."""
    return patch(session, kind, obj, {"spec": spec})


def patch(session: Session, kind: CliKind, obj: Object, change: Mapping[str, Any]) -> Object | None:
    """Merge a change into an object and return it; None for one that is gone by now, which is said. Raises ApiError."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    meta = obj["metadata"]
    try:
        return session.cluster.patch(kind.resource, meta["namespace"], meta["name"], change, manager=MANAGER)
    except NotFound:
        session.report.failure(f"{kind.kind} {meta['name']} was deleted meanwhile")
        return None
