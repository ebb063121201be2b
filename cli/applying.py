"""Bringing objects into a cluster: created, or changed to what was asked for, and then waited for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from api.names import SECRETS
from api.resource import Resource
from cli.grammar.session import Failed, Session
from cli.kinds.kind import CliKind, Object, is_suspended

MANAGER: Final = "tagline"
"""Who the API server notes as the owner of fields."""
_MAX_TRIES: Final = 5

CREATED: Final = "created"
UPDATED: Final = "updated"


def apply_and_wait(
    session: Session,
    kind: CliKind,
    obj: dict[str, Any],
    *,
    prepare: Callable[[], None] | None = None,
    describe: Callable[[Object], str] | None = None,
) -> None:
    """Create an object or replace its spec and labels, and wait until it is ready; say so step by step.

    prepare: done before, and may still complete the object. describe: returns a last line about the ready object.
    Raises Failed and ApiError. What is suspended is not waited for.
    """
    from cli.waiting import wait_for  # noqa: PLC0415

    what, report = kind.creation.described_as or kind.kind, session.report
    report.generating(f"generating {what}")
    if prepare:
        prepare()
    report.action(f"applying {what}")
    resource = replace(kind.resource, version=obj["apiVersion"].rpartition("/")[2])
    applied, done = upsert(session, resource, obj)
    if done:
        report.success(f"{what} {done}")
    if is_suspended(applied):
        report.success(f"{what} is suspended: nothing is done until `{session.program} resume`")
        return
    report.waiting(f"waiting for {what} reconciliation")
    ready = wait_for(session, kind, applied)
    report.success(f"{what} reconciliation completed")
    if describe and (line := describe(ready)):
        report.success(line)


def upsert(session: Session, resource: Resource, obj: dict[str, Any]) -> tuple[Object, str]:
    """Create an object, or replace spec and labels of the one that is there; return it and what was done.

    Annotations and everything else of an existing object stay. "": it was as asked for. Raises ApiError.
    """
    from controllers.runtime.kube.errors import AlreadyExists, Conflict, NotFound  # noqa: PLC0415

    cluster, namespace, name = session.cluster, obj["metadata"]["namespace"], obj["metadata"]["name"]
    for _ in range(_MAX_TRIES):
        try:
            existing = cluster.get(resource, namespace, name)
        except NotFound:
            try:
                return cluster.create(resource, namespace, obj, manager=MANAGER), CREATED
            except AlreadyExists:
                continue
        changed = _changed(existing, obj)
        if changed == existing:
            return existing, ""
        try:
            return cluster.update(resource, namespace, name, changed, manager=MANAGER), UPDATED
        except Conflict:
            continue
    raise Failed(f"{resource.kind} {namespace}/{name} is being changed by somebody else all the time; try again")


def _changed(existing: dict[str, Any], obj: dict[str, Any]) -> dict[str, Any]:
    """Return the existing object with spec and labels of the other."""
    metadata = {key: value for key, value in existing["metadata"].items() if key not in ("labels", "managedFields")}
    if labels := obj["metadata"].get("labels"):
        metadata["labels"] = labels
    return {**existing, "metadata": metadata, "spec": obj["spec"]}


def apply_secret(session: Session, secret: dict[str, Any]) -> None:
    """Create a Secret, or replace these keys of the one that is there; its others stay. Raises Failed and ApiError."""
    from controllers.runtime.kube.errors import AlreadyExists, Conflict, NotFound  # noqa: PLC0415

    cluster, namespace, name = session.cluster, secret["metadata"]["namespace"], secret["metadata"]["name"]
    for _ in range(_MAX_TRIES):
        try:
            existing = cluster.get(SECRETS, namespace, name)
        except NotFound:
            try:
                cluster.create(SECRETS, namespace, secret, manager=MANAGER)
                return
            except AlreadyExists:
                continue
        metadata = {key: value for key, value in existing["metadata"].items() if key != "managedFields"}
        if labels := secret["metadata"].get("labels"):
            metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
        changed = {**existing, "metadata": metadata, "stringData": secret["stringData"]}
        try:
            cluster.update(SECRETS, namespace, name, changed, manager=MANAGER)
            return
        except Conflict:
            continue
    raise Failed(f"Secret {namespace}/{name} is being changed by somebody else all the time; try again")
