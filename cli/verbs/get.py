"""`tagline get`: what a cluster has of images and their sources, and how it is doing."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from cli.grammar.flags import Words, switch, text
from cli.grammar.session import Session
from cli.grammar.tree import Command, Group
from cli.kinds import IMAGE_KINDS, LONE_KINDS, SOURCE_KINDS
from cli.kinds.kind import CliKind

OUTPUTS: Final = ("json", "yaml", "name", "wide")
FLAGS: Final = (
    switch("-A", "--all-namespaces", help="of all namespaces"),
    text("-l", "--label-selector", help="only objects with these labels: app=web,tier!=back"),
    switch("--no-header", help="without the line of titles"),
    text(
        "-o",
        "--output",
        type=Words(OUTPUTS, "unsupported output format '{value}', must be one of: {words}"),
        help="the objects themselves, their names, or a table with more columns",
    ),
    text("--status-selector", help="only objects in this condition: ready=false, stalled!=true"),
    switch("-w", "--watch", help="go on printing what changes until --timeout or Ctrl-C"),
)


def _run(
    kinds: Sequence[CliKind], is_all: bool, session: Session, arguments: tuple[str, ...], *, watch: bool, **flags: Any
) -> None:
    from cli.getting import run  # noqa: PLC0415 -- not for help

    request = run.request_of(session, kinds, arguments, is_all=is_all, **flags)
    if watch:
        from cli.getting import stream  # noqa: PLC0415

        stream.watch(session, request)
    else:
        run.get(session, request)


def _command(kind: CliKind) -> Command:
    return Command(
        name=kind.plural or kind.word,
        aliases=(kind.word,) if kind.plural else (),
        run=partial(_run, (kind,), False),
        summary=f"Get {kind.kind} status",
        description=f"Prints {kind.kind} objects and how they are doing: all, or those of the names that are given.",
        examples=(
            f"tagline get {kind.phrase_of_get}\n"
            f"tagline get {kind.phrase_of_get} --all-namespaces --status-selector ready=false\n"
            f"tagline get {kind.phrase_of_get} app web -o wide\n"
        ),
    )


def _all(kinds: Sequence[CliKind], what: str, summary: str) -> Command:
    return Command(
        name="all",
        run=partial(_run, tuple(kinds), True),
        summary=summary,
        description=f"Prints a table for each kind of {what}. What fails for one kind is said, and the others follow.",
    )


def _group(kinds: Sequence[CliKind], *, what: str, summary: str, all_summary: str) -> Group:
    return Group(
        name=kinds[0].group_plural,
        aliases=(kinds[0].group,),
        summary=summary,
        description=f"Prints {what} and how they are doing.",
        children=(_all(kinds, what, all_summary), *map(_command, kinds)),
    )


COMMAND = Group(
    name="get",
    summary="show objects and their state",
    flags=FLAGS,
    children=(
        _all((*SOURCE_KINDS, *IMAGE_KINDS, *LONE_KINDS), "object", "Get the status of every object"),
        _group(
            IMAGE_KINDS,
            what="objects of image automation",
            summary="Get the status of image automation",
            all_summary="Get all image statuses",
        ),
        _group(
            SOURCE_KINDS,
            what="sources",
            summary="Get the status of sources",
            all_summary="Get the status of all sources",
        ),
        *map(_command, LONE_KINDS),
    ),
)
