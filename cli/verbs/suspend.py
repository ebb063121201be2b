"""`tagline suspend`: stops the reconciling of objects."""

from collections.abc import Sequence

from cli.changing import ALL, find_named, patch_spec
from cli.grammar.session import Session
from cli.grammar.tree import Command
from cli.kinds.groups import by_group
from cli.kinds.kind import CliKind


def suspend(session: Session, kind: CliKind, names: Sequence[str], *, all: bool) -> None:
    """Suspend the named objects, or all of the namespace. Raises Failed."""
    for obj in find_named(session, kind, names, all=all, fails_on_nothing=True):
        name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
        session.report.action(f"suspending {kind.human} {name} in {namespace} namespace")
        if patch_spec(session, kind, obj, {"suspend": True}):
            session.report.success(f"{kind.human} suspended")


def _command(kind: CliKind) -> Command:
    return Command(
        name=kind.word,
        run=lambda session, names, **flags: suspend(session, kind, names, **flags),
        summary=f"suspend the reconciling of {kind.kind} objects",
        examples=f"# Suspend one\ntagline suspend {kind.phrase} my-app",
        arguments="[name]",
    )


COMMAND = by_group("suspend", _command, summary="stop reconciling objects", flags=(ALL,))
