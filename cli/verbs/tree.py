"""`tagline tree`: which objects belong together, read from the cluster."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from api.names import KUSTOMIZATIONS
from api.resource import Resource
from cli.grammar.flags import Words, switch, text
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command, Group
from cli.kinds import IMAGE_KINDS
from cli.kinds.kind import CliKind

OUTPUTS: Final = ("json", "yaml")
OUTPUT_FLAG: Final = text(
    "-o",
    "--output",
    type=Words(OUTPUTS, "unsupported output format '{value}', must be one of: {words}"),
    help="the tree as a document",
)


def _run_image(kind: CliKind, session: Session, arguments: tuple[str, ...], *, compact: bool, output: str) -> None:
    from cli.getting.selection import Selection, explain_missing, fetch  # noqa: PLC0415 -- not for help
    from cli.output import write_output  # noqa: PLC0415
    from cli.trees.relations import Relations, id_of  # noqa: PLC0415
    from cli.trees.tree import format_tree  # noqa: PLC0415

    if not arguments:
        raise Failed(f"{kind.human} name is required")
    selection = Selection(arguments[:1], session.namespace, labels="", status="")
    found, _ = fetch(session.cluster, kind, selection)
    for sentence in explain_missing(session.cluster, kind, selection, found):
        raise Failed(sentence)
    relations = Relations.read(session.cluster, session.namespace)
    tree = relations.tree(id_of(kind.resource, found[0]), direct_only=compact)
    write_output([format_tree(tree, output).encode()])


def _run_kustomization(session: Session, arguments: tuple[str, ...], *, compact: bool, output: str) -> None:
    from cli.output import write_output  # noqa: PLC0415 -- not for help
    from cli.trees.inventory import inventory_tree  # noqa: PLC0415
    from cli.trees.tree import format_tree  # noqa: PLC0415

    if not arguments:
        raise Failed("kustomization name is required")
    kustomization = session.cluster.get(KUSTOMIZATIONS, session.namespace, arguments[0])
    tree = inventory_tree(session.cluster, kustomization, flux_only=compact)
    write_output([format_tree(tree, output).encode()])


def _complete(resource: Resource, session: Session, arguments: tuple[str, ...]) -> Iterator[str]:
    from cli.completing.names import names_of  # noqa: PLC0415

    return iter(()) if arguments else names_of(session, resource, without=())


def _image(kind: CliKind) -> Command:
    return Command(
        name=kind.word,
        run=partial(_run_image, kind),
        summary=f"Show what an {kind.kind} is made from, and what is made from it",
        examples=(
            f"tagline tree image {kind.word} app\n"
            f"tagline tree image {kind.word} app --compact\n"
            f"tagline tree image {kind.word} app -o json\n"
        ),
        arguments="[name]",
        flags=(switch("--compact", help="only what is one step away"), OUTPUT_FLAG),
        complete=partial(_complete, kind.resource),
    )


COMMAND = Group(
    name="tree",
    summary="show what belongs together",
    children=(
        Group(
            name="image",
            aliases=("images",),
            summary="Show how objects of image automation hang together",
            children=tuple(map(_image, IMAGE_KINDS)),
        ),
        Command(
            name="kustomization",
            aliases=("ks",),
            run=_run_kustomization,
            summary="Show what a Kustomization has applied",
            examples="tagline tree kustomization flux-system --compact\n",
            arguments="[name]",
            flags=(switch("--compact", help="only objects of Flux"), OUTPUT_FLAG),
            complete=partial(_complete, KUSTOMIZATIONS),
        ),
    ),
)
