"""`tagline logs`: what controllers log of objects."""

from typing import Final

from cli.grammar.flags import INT, Flag, Words, duration, switch, text
from cli.grammar.globals import DEFAULT_NAMESPACE
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command
from cli.kinds import FLUX_KINDS

LEVELS: Final = ("debug", "info", "error")


def _run(
    session: Session,
    arguments: tuple[str, ...],
    *,
    all_namespaces: bool,
    flux_namespace: str,
    follow: bool,
    kind: str,
    level: str,
    name: str,
    since: int,
    since_time: str,
    tail: int,
) -> None:
    from cli.podlogs import lines, run  # noqa: PLC0415 -- not for help

    if arguments:
        raise Failed("no argument required")
    wanted = lines.Filter(level=level, kind=kind, name=name, namespace="" if all_namespaces else session.namespace)
    run.logs(
        session,
        run.Request(
            filter=wanted,
            controllers_namespace=flux_namespace,
            follow=follow,
            tail=tail,
            since=since,
            since_time=since_time,
        ),
    )


COMMAND = Command(
    name="logs",
    run=_run,
    summary="show what controllers log",
    description=(
        "Prints the lines that Flux's controllers and tagline's log of the objects of a namespace, in the order of "
        "their times."
    ),
    examples=(
        "tagline logs --all-namespaces --level error\n"
        "tagline logs --kind ImageRepository --name app --follow\n"
        "tagline logs --all-namespaces --since 10m\n"
    ),
    flags=(
        switch("-A", "--all-namespaces", help="of objects of all namespaces"),
        text(
            "--flux-namespace",
            default=DEFAULT_NAMESPACE,
            help="where controllers run; if not set, tagline-system as well",
        ),
        switch("-f", "--follow", help="go on printing what is logged until Ctrl-C"),
        text("--kind", values=FLUX_KINDS, help="only of objects of this kind: ImagePolicy"),
        text(
            "--level",
            type=Words(LEVELS, "unsupported log level '{value}', must be one of: {words}"),
            help="only lines of this level",
        ),
        text("--name", help="only of objects of this name"),
        duration("--since", help="only lines that are not older: 10m; or give --since-time"),
        text("--since-time", help="only lines since a time of RFC 3339; or give --since"),
        Flag("--tail", type=INT, default=-1, help="only so many lines of each pod, the newest; -1 for all"),
    ),
)
