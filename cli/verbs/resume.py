"""`tagline resume`: goes on reconciling suspended objects, and waits for the first result."""

from collections.abc import Sequence

from cli.changing import ALL, find_named, patch_spec
from cli.grammar.flags import switch
from cli.grammar.session import Said, Session
from cli.grammar.tree import Command
from cli.kinds.groups import by_group
from cli.kinds.kind import CliKind, Object
from cli.waiting import wait_for_each

WAIT = switch(
    "--wait",
    default=None,
    help="wait for the reconciliation of each object; one that is named alone is waited for anyway",
)


NOT_FOUND = "{kind} object '{name}' not found in {namespace}"


def resume(session: Session, kind: CliKind, names: Sequence[str], *, all: bool, wait: bool | None) -> None:
    """Resume the named objects, or all of the namespace. wait: None if nothing was said. Raises Failed."""
    resumed = []
    for obj in find_named(session, kind, names, all=all, missing=NOT_FOUND):
        name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
        session.report.action(f"resuming {kind.human} {name} in {namespace} namespace")
        if changed := patch_spec(session, kind, obj, {"suspend": None}):
            resumed.append(changed)
            session.report.success(f"{kind.human} resumed")
    if wait if wait is not None else len(names) == 1 and not all:
        _wait_for_each(session, kind, resumed)


def _wait_for_each(session: Session, kind: CliKind, objects: Sequence[Object]) -> None:
    for _ in objects:
        session.report.waiting(f"waiting for {kind.kind} reconciliation")
    failed = 0
    for result in wait_for_each(session, kind, objects):
        if result.error is not None:
            session.report.failure(f"{kind.kind} {result.name} reconciliation failed: {result.error.why}")
            failed += 1
            continue
        session.report.success(f"{kind.kind} {result.name} reconciliation completed")
        session.report.success(kind.summarize(result.obj))
    if failed:
        session.report.failure(f"reconciliation failed for {failed} {kind.kind}(s)")
        raise Said


def _command(kind: CliKind) -> Command:
    return Command(
        name=kind.word,
        run=lambda session, names, **flags: resume(session, kind, names, **flags),
        summary=f"go on reconciling {kind.kind} objects",
        examples=f"# Resume one and wait for its reconciliation\ntagline resume {kind.phrase} my-app",
        arguments="[name]",
    )


COMMAND = by_group("resume", _command, summary="go on reconciling objects", flags=(ALL, WAIT))
