"""What may come next, from the words that stand on the command line."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from cli.completing.names import BY_FLAG, names_of
from cli.grammar.flags import Flag, Words, switch
from cli.grammar.run import parse
from cli.grammar.session import Reporter, Session
from cli.grammar.tree import Command, Found, Group, find
from cli.kinds import EVERY_KIND
from controllers.golang.duration import SECOND

CLUSTER_SECONDS: Final = 2
"""How long a cluster may take to answer: somebody waits for the letters to come."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What may come next."""

    candidates: Iterator[str]
    """`value` or `value\\tdescription`, those alone that begin with what was typed."""
    files_as_well: bool = False
    """Whether it may be a file: nothing else is known."""


def offer(root: Group, words: Sequence[str], environ: Mapping[str, str]) -> Offer:
    """Return what may stand for the last word, which may be empty or begun."""
    *before, last = words or [""]
    found = find(root, before)
    flags = _flags(found)
    pending = _pending(found, flags)
    literal = "--" in found.arguments
    name, equals, value = last.partition("=")
    if pending is not None:
        return _values(pending, replace(found, arguments=found.arguments[:-1]), last, environ)
    if last.startswith("--") and equals and not literal:
        flag = next((flag for flag in flags if flag.long == name), None)
        return _values(flag, found, value, environ) if flag else Offer(iter(()))
    if last.startswith("-") and not literal:
        return Offer(_beginning(last, _flag_names(found, flags, last)))
    if found.unknown:
        return Offer(iter(()))
    if isinstance(found.node, Group):
        return Offer(_beginning(last, _commands(found.node)))
    return Offer(_beginning(last, _arguments(found, found.node, environ)))


def _beginning(begin: str, candidates: Iterator[str]) -> Iterator[str]:
    return (candidate for candidate in candidates if candidate.startswith(begin))


def _flags(found: Found) -> list[Flag]:
    return [flag for flag in (*found.node.flags, *found.inherited) if isinstance(flag, Flag)]


def _commands(group: Group) -> Iterator[str]:
    for child in sorted(group.children, key=lambda one: one.name):
        yield f"{child.name}\t{child.summary}"


def _flag_names(found: Found, flags: Sequence[Flag], last: str) -> Iterator[str]:
    """Yield flags by name, with their shorthands where only the dash was typed; not those that were given already."""
    given = {argument.partition("=")[0] for argument in found.arguments}
    offered = [flag for flag in flags if not flag.hidden and (flag.multiple or not given & {flag.long, flag.shorthand})]
    for flag in (*sorted(offered, key=lambda one: one.long), _help_flag(found)):
        yield f"{flag.long}\t{flag.text}"
        if flag.shorthand and last == "-":
            yield f"{flag.shorthand}\t{flag.text}"


def _help_flag(found: Found) -> Flag:
    return switch("-h", "--help", help=f"help for {found.node.name}")


def _pending(found: Found, flags: Sequence[Flag]) -> Flag | None:
    """Return the flag whose value the last word is, if the word before is a flag that wants one."""
    arguments = iter(found.arguments)
    for argument in arguments:
        if argument == "--":
            return None
        flag = _wanting(argument, flags)
        if flag is not None and next(arguments, None) is None:
            return flag
    return None


def _wanting(argument: str, flags: Sequence[Flag]) -> Flag | None:
    """Return the flag that an argument ends with, if it has no value yet and wants one."""
    if argument.startswith("--"):
        return next((flag for flag in flags if flag.long == argument and not flag.is_flag), None)
    if not argument.startswith("-"):
        return None
    for position, letter in enumerate(argument[1:], 2):
        flag = next((flag for flag in flags if flag.shorthand == f"-{letter}" and not flag.is_flag), None)
        if flag is not None:
            return flag if position == len(argument) else None
    return None


def _values(flag: Flag, found: Found, begin: str, environ: Mapping[str, str]) -> Offer:
    if flag.is_flag:
        return Offer(_beginning(begin, iter(("false", "true"))))
    if isinstance(flag.type, Words):
        return Offer(_beginning(begin, iter(flag.type.words)))
    if flag.values:
        # Of a list the last is completed, and what stands before it stays.
        kept, comma, begun = begin.rpartition(",") if flag.multiple else ("", "", begin)
        offered = (value for value in flag.values if value.startswith(begun))
        return Offer(f"{kept}{comma}{value}" for value in offered)
    names = BY_FLAG.get(flag.long)
    if names is None:
        return Offer(iter(()), files_as_well=True)
    return Offer(_beginning(begin, names(_session(found, environ)[0])))


def _arguments(found: Found, command: Command, environ: Mapping[str, str]) -> Iterator[str]:
    session, arguments = _session(found, environ)
    if command.complete is not None:
        yield from command.complete(session, arguments)
        return
    # Verbs that say nothing of their arguments take names of the kind that they are named for, as many as there are.
    kind = next((kind for kind in EVERY_KIND if found.path[2:] in kind.paths), None)
    if kind is not None and found.path[1:2] != ("create",):
        yield from names_of(session, kind.resource, without=arguments)


def _session(found: Found, environ: Mapping[str, str]) -> tuple[Session, tuple[str, ...]]:
    """Return a session that asks a cluster for no longer than somebody waits, and the arguments without flags."""
    command = found.node if isinstance(found.node, Command) else _stand_in(found)
    values, arguments, given = parse(found, command)
    session_values: dict[str, Any] = {**values, "timeout": CLUSTER_SECONDS * SECOND}
    quiet = Reporter(io.StringIO())
    return Session(session_values, "namespace" in given, environ=environ, report=quiet), arguments


def _stand_in(found: Found) -> Command:
    flags: tuple[click.Option, ...] = found.node.flags
    return Command(name=found.node.name, run=lambda *_, **__: None, summary="", flags=flags)
