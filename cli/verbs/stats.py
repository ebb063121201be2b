"""`tagline stats`: how many objects of Flux run, fail and are suspended."""

from collections.abc import Iterable, Iterator
from typing import Final

from api.names import FALSE
from api.resource import Resource
from cli.fields import number, text
from cli.grammar.flags import switch
from cli.grammar.session import Said, Session
from cli.grammar.tree import Command
from cli.kinds import IMAGE_KINDS, SOURCE_KINDS
from cli.kinds.kind import Object, condition, is_suspended
from cli.kinds.other import COUNTED

HEADER: Final = ("Reconcilers", "Running", "Failing", "Suspended", "Storage")
_NOT_COUNTED: Final = ["?"] * (len(HEADER) - 1)
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def _run(session: Session, arguments: tuple[str, ...], *, all_namespaces: bool) -> None:
    from cli.tables import print_table  # noqa: PLC0415 -- not for help

    namespace = "" if all_namespaces else session.namespace
    rows = [_counted(session, resource, namespace) for resource in resources()]
    print_table(HEADER, rows)
    if all(cells[1:] == _NOT_COUNTED for cells in rows):
        raise Said


def resources() -> Iterator[Resource]:
    """Yield the kinds in the order in which they are counted."""
    yield from (kind.resource for kind in SOURCE_KINDS)
    yield from COUNTED
    yield from (kind.resource for kind in reversed(IMAGE_KINDS))


def row(name: str, objects: Iterable[Object]) -> list[str]:
    """Return the cells of a kind. What is suspended does not run; it may have failed before."""
    total = failing = suspended = size = 0
    for obj in objects:
        total += 1
        suspended += is_suspended(obj)
        failing += text(condition(obj), "status") == FALSE
        size += number(obj, "status", "artifact", "size")
    return [name, str(total - suspended), str(failing), str(suspended), format_size(size)]


def format_size(size: int) -> str:
    """Return a number of bytes with its unit; `-` for none."""
    if not size:
        return "-"
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size} B"


def _counted(session: Session, resource: Resource, namespace: str) -> list[str]:
    """Return the cells of a kind; one that cannot be read is said, and keeps none of the others back."""
    from controllers.runtime.kube.errors import Forbidden, NotFound, ServerError  # noqa: PLC0415 -- with the cluster

    try:
        return row(resource.kind, session.cluster.list(resource, namespace))
    except NotFound:  # a kind that is not installed has no objects
        return row(resource.kind, ())
    except (Forbidden, ServerError) as error:
        session.report.warning(f"{resource.kind} objects are not counted: {error.message}")
        return [resource.kind, *_NOT_COUNTED]


COMMAND = Command(
    name="stats",
    run=_run,
    summary="count objects by state",
    description=(
        "Counts the objects of each of Flux's kinds, and what their artifacts take. A kind that may not be read has ? "
        "in its cells."
    ),
    examples="tagline stats --all-namespaces\n",
    refuses_arguments=True,
    flags=(switch("-A", "--all-namespaces", help="of all namespaces"),),
)
