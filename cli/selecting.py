"""Finds the objects that a command names."""

from collections.abc import Iterable, Iterator

from cli.grammar.session import Failed, Session
from cli.grammar.spelling import did_you_mean
from cli.kinds.kind import CliKind, Object


def get_object(session: Session, kind: CliKind, name: str) -> Object:
    """Return the object of that name in the session's namespace. Raises Failed, with the name that may be meant."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        found: Object = session.cluster.get(kind.resource, session.namespace, name)
    except NotFound as error:
        raise Failed(f"{error.message}{suggest(session, kind, name)}") from error
    return found


def list_objects(session: Session, kind: CliKind, *, labels: str = "") -> list[Object]:
    """Return the objects of a kind in the session's namespace, by name."""
    found = session.cluster.list(kind.resource, session.namespace, labels=labels)
    return sorted(found, key=lambda obj: str(obj["metadata"]["name"]))


def suggest(session: Session, kind: CliKind, name: str) -> str:
    """Return `; did you mean "x"?` for the name that the fewest mistakes lead from, or ""."""
    from controllers.runtime.kube.errors import ApiError  # noqa: PLC0415

    try:
        return did_you_mean(name, (str(obj["metadata"]["name"]) for obj in list_objects(session, kind)))
    except ApiError:  # a hint is not worth another error
        return ""


def each_once(names: Iterable[str]) -> Iterator[str]:
    """Yield names as they were given, without repetitions."""
    return iter(dict.fromkeys(names))
