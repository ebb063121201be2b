"""`tagline events`: what controllers have said of objects, the newest last."""

from typing import Final

from cli.grammar.flags import Words, switch, text, texts
from cli.grammar.session import Session
from cli.grammar.tree import Command
from cli.kinds import FLUX_KINDS

OUTPUTS: Final = ("json", "yaml")
TYPES: Final = ("Normal", "Warning")


def _run(
    session: Session,
    arguments: tuple[str, ...],
    *,
    all_namespaces: bool,
    output: str,
    types: tuple[str, ...],
    watch: bool,
    **flags: str,
) -> None:
    from cli.events import run, selection  # noqa: PLC0415 -- not for help

    wanted = selection.check_types(types, TYPES)
    namespace = session.namespace
    scopes = selection.scopes_for(session.cluster, namespace, all_namespaces=all_namespaces, subject=flags["for"])
    request = run.Request(selection.Selection(scopes, wanted), namespace, all_namespaces, output)
    (run.watch if watch else run.show)(session, request)


COMMAND = Command(
    name="events",
    run=_run,
    summary="show events of objects",
    description="Prints the events of Flux's objects, the newest last.",
    examples=(
        "tagline events --all-namespaces --types warning\n"
        "tagline events --for ImagePolicy/app    # and those of its ImageRepository\n"
        "tagline events --watch\n"
    ),
    flags=(
        switch("-A", "--all-namespaces", help="of all namespaces"),
        text(
            "--for",
            values=FLUX_KINDS,
            help="only of one kind, or of one object and what it is made from: ImagePolicy, ImagePolicy/app",
        ),
        text(
            "-o",
            "--output",
            type=Words(OUTPUTS, "unsupported output format '{value}', must be one of: {words}"),
            help="the events themselves",
        ),
        texts("--types", values=TYPES, help="only of these types: Normal, Warning"),
        switch("-w", "--watch", help="go on printing what comes until --timeout or Ctrl-C"),
    ),
)
