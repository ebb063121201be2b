"""The commands of a verb, one a kind, in the groups in which the reference has them: `image`, `source`, or none."""

from collections.abc import Callable

from cli.grammar.tree import Command, Flags, Group
from cli.kinds import IMAGE_KINDS, LONE_KINDS, SOURCE_KINDS
from cli.kinds.kind import CliKind


def by_group(
    verb: str,
    command: Callable[[CliKind], Command],
    *,
    summary: str,
    flags: Flags = (),
    of_images: tuple[Command, ...] = (),
) -> Group:
    """Return the verb with a command for each kind. flags: of all; of_images: further commands of that group."""
    image = Group(
        name="image",
        summary=f"{verb} what image automation is made of",
        children=(*map(command, IMAGE_KINDS), *of_images),
    )
    source = Group(name="source", summary=f"{verb} sources", children=tuple(map(command, SOURCE_KINDS)))
    return Group(name=verb, summary=summary, flags=flags, children=(image, source, *map(command, LONE_KINDS)))
