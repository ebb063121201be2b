"""`tagline export`: prints objects of a cluster as manifests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from api.names import SECRETS
from cli import fields
from cli.exporting import manifest, secret_manifest, to_output
from cli.grammar.flags import Words, switch, text
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command, Flags, Group
from cli.kinds import IMAGE_KINDS, LONE_KINDS, SOURCE_KINDS
from cli.kinds.kind import CliKind, Object
from cli.selecting import each_once, get_object

_FLAGS: Final = (
    switch("--all", help="print all objects of the kind"),
    switch("-A", "--all-namespaces", help="print those of all namespaces"),
    text("-l", "--label-selector", help="print those with these labels"),
    text(
        "-o",
        "--output",
        help="yaml or json",
        default="yaml",
        type=Words(("yaml", "json"), "output format '{value}' is not known, must be one of: {words}"),
    ),
)
_CREDENTIALS: Final = switch("--with-credentials", help="print the Secrets of sources as well")

_Pair = tuple[CliKind, Object]


def _export(session: Session, kinds: Sequence[CliKind], names: Sequence[str], flags: Mapping[str, Any]) -> None:
    """Print the objects that were asked for. Nothing is printed unless all that were named are there. Raises Failed."""
    from cli.output import write_output  # noqa: PLC0415

    narrowing = [flag for flag in ("all_namespaces", "label_selector") if flags[flag]]
    several = bool(flags["all"] or narrowing)
    if not several and not names:
        raise Failed("name is required")
    if names and narrowing and not flags["all"]:
        flag = narrowing[0].replace("_", "-")
        raise Failed(f"names and --{flag} cannot be used together: leave out one of them")
    found = list(_selected(session, kinds, flags) if several else _named(session, kinds, names))
    as_list = several or len(found) > 1
    printed = _manifests(session, found, with_credentials=bool(flags.get("with_credentials")))
    pieces: list[bytes] = []
    try:
        pieces.extend(to_output(printed, flags["output"], as_list=as_list))
    finally:  # a Secret that cannot be read comes after what could be
        write_output(pieces)


def _named(session: Session, kinds: Sequence[CliKind], names: Sequence[str]) -> Iterator[_Pair]:
    for kind in kinds:
        for name in each_once(names):
            yield kind, get_object(session, kind, name)


def _selected(session: Session, kinds: Sequence[CliKind], flags: Mapping[str, Any]) -> Iterator[_Pair]:
    namespace = "" if flags["all_namespaces"] else session.namespace
    is_empty = True
    for kind in kinds:
        for obj in session.cluster.list(kind.resource, namespace, labels=flags["label_selector"]):
            is_empty = False
            yield kind, obj
    if is_empty:
        raise Failed(f"no objects found in {namespace or 'any'} namespace")


def _manifests(session: Session, found: Sequence[_Pair], *, with_credentials: bool) -> Iterator[dict[str, Any]]:
    for kind, obj in found:
        yield manifest(kind, obj)
        if with_credentials and (name := fields.text(obj, "spec", "secretRef", "name")):
            yield secret_manifest(_secret(session, obj["metadata"]["namespace"], name))


def _secret(session: Session, namespace: str, name: str) -> Object:
    from controllers.runtime.kube.errors import ApiError  # noqa: PLC0415

    try:
        found: Object = session.cluster.get(SECRETS, namespace, name)
    except ApiError as error:
        raise Failed(f"failed to retrieve secret {name}, error: {error.message}") from error
    return found


def _command(kind: CliKind) -> Command:
    path = f"tagline export {kind.phrase}"
    return Command(
        name=kind.word,
        run=lambda session, names, **flags: _export(session, [kind], names, flags),
        summary=f"print {kind.kind} objects as manifests",
        examples=f"# print all of a namespace into a file\n{path} --all --namespace=apps > {kind.word}.yaml\n\n"
        f"# print one\n{path} app",
        arguments="[name]",
    )


def _all(group: str, kinds: Sequence[CliKind]) -> Command:
    return Command(
        name="all",
        refuses_arguments=True,
        run=lambda session, _, **flags: _export(session, kinds, (), {**flags, "all": True}),
        summary=f"print all {group} objects as manifests",
        examples=f"# print everything into a file\ntagline export {group} all > {group}.yaml",
    )


def _group(name: str, kinds: Sequence[CliKind], *, summary: str, flags: Flags = ()) -> Group:
    children = (*map(_command, kinds), *([_all(name, kinds)] if len(kinds) > 1 else []))
    return Group(name=name, summary=summary, flags=flags, children=children)


COMMAND: Final = Group(
    name="export",
    summary="print objects of a cluster as manifests",
    description="Prints objects as manifests, without what the cluster keeps about them.",
    flags=_FLAGS,
    children=(
        _group("image", IMAGE_KINDS, summary="print what image automation is made of"),
        _group("source", SOURCE_KINDS, summary="print sources", flags=(_CREDENTIALS,)),
        *map(_command, LONE_KINDS),
    ),
)
