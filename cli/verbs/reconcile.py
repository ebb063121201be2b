"""`tagline reconcile`: has objects reconciled now, and waits for the result."""

from collections.abc import Sequence
from datetime import UTC, datetime

from api.names import REQUESTED_AT
from cli.changing import patch
from cli.fields import text
from cli.grammar.session import Failed, Said, Session
from cli.grammar.tree import Command
from cli.kinds import IMAGE_KINDS
from cli.kinds.groups import by_group
from cli.kinds.kind import CliKind, Object, is_suspended
from cli.selecting import each_once, get_object, list_objects
from cli.waiting import judge_after, wait_for_each


def reconcile(session: Session, kind: CliKind, names: Sequence[str]) -> None:
    """Reconcile the named objects. Raises Failed."""
    if not names:
        raise Failed(f"{kind.kind} name is required")
    objects = [get_object(session, kind, name) for name in each_once(names)]
    for obj in objects:
        if is_suspended(obj):
            raise Failed("resource is suspended" if len(objects) == 1 else _suspended(kind, obj))
    _raise_if_any(session, _reconcile_each(session, kind, objects), len(objects))


def reconcile_all(session: Session, kinds: Sequence[CliKind]) -> None:
    """Reconcile all objects of these kinds that are not suspended, in the order in which data flows. Raises Failed."""
    failed = count = 0
    left = list(kinds)
    while left and not (count and session.deadline.has_passed()):
        kind = left.pop(0)
        objects = list_objects(session, kind)
        for obj in filter(is_suspended, objects):
            session.report.warning(f"{_suspended(kind, obj)}, so it is left out")
        count += len(objects)
        failed += _reconcile_each(session, kind, [obj for obj in objects if not is_suspended(obj)])
    if not count:
        raise Failed(f'no objects found in "{session.namespace}" namespace')
    if left:
        names = ", ".join(kind.kind for kind in left)
        seconds = f"{session.timeout_seconds:g}s"
        session.report.failure(f"{names}: not asked, since --timeout={seconds} was over; give it longer with --timeout")
    _raise_if_any(session, failed, count)
    if left:
        raise Said


def _suspended(kind: CliKind, obj: Object) -> str:
    return f"{kind.kind} {obj['metadata']['name']} is suspended"


def _raise_if_any(session: Session, failed: int, count: int) -> None:
    if not failed:
        return
    if count > 1:
        session.report.failure(f"reconciliation failed for {failed} of {count} objects")
    raise Said


def _reconcile_each(session: Session, kind: CliKind, objects: Sequence[Object]) -> int:
    """Ask for all, wait for each, tell how it ended, and return how many failed."""
    asked = [found for obj in objects if (found := _ask(session, kind, obj))]
    failed = len(objects) - len(asked)
    if not asked:
        return failed
    session.report.waiting(f"waiting for {kind.kind} reconciliation")
    judges = {obj["metadata"]["name"]: judge_after(text(obj, "status", "lastHandledReconcileAt")) for obj in objects}
    for result in wait_for_each(session, kind, asked, judge=judges):
        which = f"{kind.kind} {result.name}: " if len(objects) > 1 else ""
        if result.error is None:
            session.report.success(f"{which}{kind.summarize(result.obj)}")
        else:
            session.report.failure(f"{which}{result.error}")
            failed += 1
    return failed


def _ask(session: Session, kind: CliKind, obj: Object) -> Object | None:
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    session.report.action(f"annotating {kind.kind} {name} in {namespace} namespace")
    request = {"metadata": {"annotations": {REQUESTED_AT: _now()}}}
    asked = patch(session, kind, obj, request)
    if asked:
        session.report.success(f"{kind.kind} annotated")
    return asked


def _now() -> str:
    """Return the time as the reference writes it, in nanoseconds; its value only has to be new."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _command(kind: CliKind) -> Command:
    return Command(
        name=kind.word,
        run=lambda session, names: reconcile(session, kind, names),
        summary=f"reconcile {kind.kind} objects",
        description=f"Asks the controller to reconcile {kind.kind} objects now, and waits until it has.",
        examples=f"# Reconcile one\ntagline reconcile {kind.phrase} my-app",
        arguments="[name]",
    )


def _all(kinds: Sequence[CliKind]) -> Command:
    return Command(
        name="all",
        refuses_arguments=True,
        run=lambda session, _: reconcile_all(session, kinds),
        summary="reconcile all of them, in the order in which data flows",
    )


COMMAND = by_group(
    "reconcile", _command, summary="have an object reconciled now, and wait for it", of_images=(_all(IMAGE_KINDS),)
)
