"""`tagline uninstall`: what `tagline install` installed, and no more."""

from collections.abc import Sequence
from typing import Final

from cli.grammar.flags import switch
from cli.grammar.session import Session
from cli.grammar.tree import Command
from cli.installing.flags import namespace_of

EXAMPLES: Final = """
# Look first
tagline uninstall --dry-run

# The controllers and their rights; objects stay
tagline uninstall

# All of it, with every object of tagline's kinds
tagline uninstall --crds --silent
"""


def run(
    session: Session, arguments: Sequence[str], *, crds: bool, dry_run: bool, keep_namespace: bool, silent: bool
) -> None:
    """Say what would be lost, ask, and remove it."""
    from cli.asking import confirm  # noqa: PLC0415
    from cli.installing import removal  # noqa: PLC0415

    inventory, others = removal.find(session.cluster, namespace_of(session), crds=crds)
    planned = removal.plan(session.cluster, inventory, others, crds=crds, keep_namespace=keep_namespace)
    for kind, count in planned.lost:
        session.report.warning(f"{count} {kind.kind} objects {'would be' if dry_run else 'will be'} lost")
    if not (dry_run or silent):
        what = "tagline and its custom resource definitions" if planned.crds else "tagline"
        confirm(f"Are you sure you want to delete {what}", unless="--silent")
    removal.remove(session, planned, dry_run=dry_run)
    for sentence in planned.kept:
        session.report.warning(sentence)
    session.report.success("uninstall finished")


COMMAND: Final = Command(
    name="uninstall",
    run=run,
    summary="remove tagline from a cluster",
    description=(
        "Remove what `tagline install` installed into tagline-system or the namespace that -n names, as its inventory "
        "says. CRDs, and with them the objects of tagline's kinds, stay unless --crds is given; a namespace stays "
        "where it has more in it."
    ),
    examples=EXAMPLES,
    flags=(
        switch("--crds", help="also delete the CRDs, and with them all objects of tagline's kinds"),
        switch("--dry-run", help="only say what would be deleted"),
        switch("--keep-namespace", help="leave the namespace"),
        switch("-s", "--silent", help="do not ask"),
    ),
)
