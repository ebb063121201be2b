"""Groups and commands as values, and the way from arguments to one of them."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import click

Flags: TypeAlias = tuple[click.Option, ...]
Run: TypeAlias = Callable[..., int | None]
"""Called with the session, the arguments as a tuple, and each flag by its name with underscores; returns the exit
status, None for 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What does something."""

    name: str
    run: Run
    summary: str
    description: str = ""
    examples: str = ""
    arguments: str = ""
    """How usage names them: `[name]`. Empty: it takes none; those given are passed on all the same."""
    refuses_arguments: bool = False
    """True: an argument is an error, as an unknown command is."""
    flags: Flags = ()
    aliases: tuple[str, ...] = ()
    complete: Callable[..., Iterator[str]] | None = None
    """Called with the session and the arguments before; yields what may come next, `value` or `value\\tdescription`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What has commands below it. Its flags are theirs, too."""

    name: str
    summary: str
    children: "tuple[Command | Group | Lazy, ...]"
    description: str = ""
    flags: Flags = ()
    aliases: tuple[str, ...] = ()

    def child(self, name: str) -> "Command | Group | None":
        """Return the one of that name or alias, loaded."""
        for child in self.children:
            if name == child.name or name in child.aliases:
                return load(child)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lazy:
    """A group or command whose module is imported when it is asked for. The module's `COMMAND` is it."""

    name: str
    module: str
    summary: str
    aliases: tuple[str, ...] = ()


Node: TypeAlias = Command | Group


def load(child: Command | Group | Lazy) -> Node:
    """Return the group or command itself."""
    if not isinstance(child, Lazy):
        return child
    node: Node = importlib.import_module(child.module).COMMAND
    return node


@dataclass(frozen=True, slots=True)
class Found:
    """Where arguments lead."""

    node: Node
    path: tuple[str, ...]
    """Names from the program to the node, aliases replaced."""
    inherited: Flags
    """Flags of the groups above, the nearest last, without those that the node or a nearer group replaces."""
    arguments: tuple[str, ...]
    """What is left: flags, wherever they stood, and arguments, in their order."""
    unknown: str = ""
    """The first argument that should have been a command."""


@dataclass(slots=True)
class _Descent:
    node: Node
    path: list[str]
    inherited: list[click.Option]
    left: list[str] = field(default_factory=list)


def find(root: Group, arguments: Sequence[str]) -> Found:
    """Follow the names of commands among the arguments. Flags may stand before, between and behind them."""
    at = _Descent(root, [root.name], [])
    words = iter(arguments)
    for word in words:
        if word == "--" or isinstance(at.node, Command):
            at.left += [word, *words]
        elif word.startswith("-") and word != "-":
            at.left.append(word)
            if _takes_next(word, (*at.inherited, *at.node.flags)):
                at.left += [value for value in [next(words, None)] if value is not None]
        else:
            child = at.node.child(word)
            if child is None:
                return _found(at, word, *words, unknown=word)
            at.inherited += at.node.flags
            at.path.append(child.name)
            at.node = child
    return _found(at)


def _found(at: _Descent, *rest: str, unknown: str = "") -> Found:
    return Found(at.node, tuple(at.path), _not_replaced(at.inherited, at.node.flags), (*at.left, *rest), unknown)


def _not_replaced(inherited: Sequence[click.Option], own: Sequence[click.Option]) -> Flags:
    nearest = {flag.name: flag for flag in (*inherited, *own)}
    return tuple(flag for flag in inherited if nearest[flag.name] is flag)


def _takes_next(token: str, flags: Sequence[click.Option]) -> bool:
    """Return whether the flag's value is the next argument: it wants one, and it is not in the token."""
    if "=" in token:
        return False
    if token.startswith("--"):
        return any(token in flag.opts and not flag.is_flag for flag in flags)
    for position, letter in enumerate(token[1:], 2):
        if any(f"-{letter}" in flag.opts and not flag.is_flag for flag in flags):
            return position == len(token)
    return False


def walk(node: Node, path: tuple[str, ...] = ()) -> "Iterator[tuple[tuple[str, ...], Node]]":
    """Yield every group and command below and including a node, with its path."""
    path = (*path, node.name)
    yield path, node
    if isinstance(node, Group):
        for child in node.children:
            yield from walk(load(child), path)
