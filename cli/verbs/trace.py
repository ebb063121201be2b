"""`tagline trace`: where an object in a cluster comes from."""

from cli.grammar.flags import text
from cli.grammar.session import Session
from cli.grammar.tree import Command
from cli.kinds import FLUX_KINDS


def _run(session: Session, arguments: tuple[str, ...], *, kind: str, api_version: str) -> None:
    from cli.tracing.run import trace  # noqa: PLC0415 -- not for help

    trace(session, arguments, kind=kind, api_version=api_version)


COMMAND = Command(
    name="trace",
    run=_run,
    summary="show where an object in a cluster comes from",
    description=(
        "Shows which Kustomization or HelmRelease has applied an object, or what it belongs to, and from which source "
        "and revision."
    ),
    examples=(
        "tagline trace deployment web -n apps\n"
        "tagline trace imagepolicy/app imagerepository/app\n"
        "tagline trace app --kind ImagePolicy --api-version image.toolkit.fluxcd.io/v1\n"
    ),
    arguments="<resource> <name> [<name> ...]",
    flags=(
        text("--api-version", help="API version of the object, with --kind: apps/v1"),
        text("--kind", values=FLUX_KINDS, help="kind of the object, with --api-version: Deployment"),
    ),
)
