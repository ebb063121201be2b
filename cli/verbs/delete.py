"""`tagline delete`: deletes objects, after a question where somebody can answer it."""

from collections.abc import Sequence

from cli.asking import confirm
from cli.grammar.flags import switch
from cli.grammar.session import Failed, Said, Session
from cli.grammar.tree import Command
from cli.kinds.groups import by_group
from cli.kinds.kind import CliKind
from cli.selecting import each_once, get_object

SILENT = switch("-s", "--silent", help="do not ask")


def delete(session: Session, kind: CliKind, names: Sequence[str], *, silent: bool) -> None:
    """Delete the named objects. Nothing is deleted unless all of them are there. Raises Failed, Said."""
    from controllers.runtime.kube.errors import Conflict, NotFound  # noqa: PLC0415

    if not names:
        raise Failed(f"{kind.human} name is required")
    objects = [get_object(session, kind, name) for name in each_once(names)]
    if not silent:
        which = f"this {kind.human}" if len(objects) == 1 else f"these {len(objects)} {kind.kind} objects"
        confirm(f"Are you sure you want to delete {which}", unless="--silent")
    failed = False
    for obj in objects:
        name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
        session.report.action(f"deleting {kind.human} {name} in {namespace} namespace")
        try:
            # What was asked about, not what has got its name since: a question may stand there for long.
            session.cluster.delete(kind.resource, namespace, name, uid=obj["metadata"]["uid"])
        except NotFound:  # somebody else was faster
            session.report.warning(f"{kind.human} {name} was deleted already")
            continue
        except Conflict:
            session.report.failure(f"{kind.human} {name} was replaced by another meanwhile, which is left alone")
            failed = True
            continue
        session.report.success(f"{kind.human} deleted")
    if failed:
        raise Said


def _command(kind: CliKind) -> Command:
    return Command(
        name=kind.word,
        run=lambda session, names, **flags: delete(session, kind, names, **flags),
        summary=f"delete {kind.kind} objects",
        examples=f"# Delete one without a question\ntagline delete {kind.phrase} my-app --silent",
        arguments="[name]",
    )


COMMAND = by_group("delete", _command, summary="delete objects", flags=(SILENT,))
