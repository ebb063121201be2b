"""Help, laid out as that of `kubectl` and `flux`, whose parts people look for at the same places."""

from collections.abc import Iterator, Sequence

import click

from cli.grammar.flags import Flag, switch
from cli.grammar.tree import Command, Found, Node

_INDENT = " " * 6


def format_help(found: Found) -> str:
    """Return the help of the group or command that was found."""
    return "\n".join(_sections(found)).rstrip("\n") + "\n"


def usage(found: Found) -> list[str]:
    """Return the lines of usage, from the program's name on."""
    called = " ".join(found.path)
    node = found.node
    if isinstance(node, Command):
        words = [called, node.arguments, "[flags]"]
        return [" ".join(word for word in words if word)]
    return [f"{called} [command]"]


def _sections(found: Found) -> Iterator[str]:
    node = found.node
    yield _capitalized(node.description or f"{node.summary}.")
    yield ""
    yield "Usage:"
    yield from (f"  {line}" for line in usage(found))
    if node.aliases:
        yield f"\nAliases:\n  {', '.join((node.name, *node.aliases))}"
    if isinstance(node, Command):
        if node.examples:
            yield "\nExamples:"
            yield from (f"  {line}".rstrip() for line in node.examples.strip("\n").splitlines())
    else:
        yield "\nAvailable Commands:"
        width = max(len(child.name) for child in node.children)
        yield from (f"  {child.name:{width}} {child.summary}" for child in sorted_children(node))
    help_flag = switch("-h", "--help", help=f"help for {node.name}")
    yield "\nFlags:"
    yield from format_flags((*node.flags, help_flag))
    if found.inherited:
        yield "\nGlobal Flags:"
        yield from format_flags(found.inherited)
    if not isinstance(node, Command):
        yield f'\nUse "{" ".join(found.path)} [command] --help" for more information about a command.'


def sorted_children(node: Node) -> list[Node]:
    """Return what is below a group, by name."""
    children: Sequence[Node] = () if isinstance(node, Command) else node.children  # type: ignore[assignment]
    return sorted(children, key=lambda child: child.name)


def format_flags(flags: Sequence[click.Option]) -> list[str]:
    """Return a line for each flag, by name: shorthand, name, type, what it does, default."""
    visible = sorted((one for one in flags if isinstance(one, Flag) and not one.hidden), key=lambda one: one.long)
    heads = [_head(flag) for flag in visible]
    width = max(map(len, heads), default=0)
    return [f"{head:{width}}   {_text(flag)}" for head, flag in zip(heads, visible, strict=True)]


def _head(flag: Flag) -> str:
    begin = f"  {flag.shorthand}, " if flag.shorthand else _INDENT
    return f"{begin}{flag.long} {flag.type_word}".rstrip()


def _text(flag: Flag) -> str:
    default = flag.default_text
    return f"{flag.text}{f' (default {default})' if default else ''}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
