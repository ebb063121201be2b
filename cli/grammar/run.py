"""Runs one command: from arguments to an exit status, with every failure as a sentence."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from cli.grammar.flags import Flag, InvalidArgument, spell_out
from cli.grammar.globals import GLOBAL_FLAGS, InvalidNamespace
from cli.grammar.help import format_help
from cli.grammar.session import Failed, Reporter, Said, Session
from cli.grammar.spelling import nearest
from cli.grammar.tree import Command, Found, Group, find
from cli.interruption import INTERRUPTED
from cli.output import ReaderLeft
from controllers.golang.quote import quote_bytes


def run(root: Group, arguments: Sequence[str], *, environ: Mapping[str, str] = os.environ) -> int:
    """Do what the arguments say and return the exit status. 0: done; 1: not, and standard error says why."""
    report = Reporter(sys.stderr)
    try:
        found = find(root, arguments)
        if _asks_for_help(found):
            _print(format_help(found))
            return 0
        if not isinstance(found.node, Command):
            return _no_command(found, report)
        return _run(found, found.node, environ, report)
    except KeyboardInterrupt:
        report.plain("interrupted")
        return INTERRUPTED
    except ReaderLeft:
        return 0


def _run(found: Found, command: Command, environ: Mapping[str, str], report: Reporter) -> int:
    try:
        values, arguments, given = parse(found, command)
    except _BadUsage as error:
        report.failure(str(error))
        return 1
    own = {flag.name for flag in (*command.flags, *_above(found))}
    session = Session(
        {name: value for name, value in values.items() if name not in own},
        namespace_given="namespace" in given,
        environ=environ,
        report=report,
        program=found.path[0],
    )
    try:
        if session.namespace_given and values["namespace"]:
            # Refused before anything is done. An empty one is refused where it counts: manifests may do without.
            _ = session.namespace
        status = command.run(session, arguments, **{name: values[name] for name in own if name})
    except Said:
        return 1
    except Exception as error:
        if not is_for_people(error):
            raise
        report.failure(text_of(error))
        return 1
    finally:
        session.close()
    return status or 0


def is_for_people(error: Exception) -> bool:
    """Return whether the text of an exception says what is wrong and what to do."""
    if isinstance(error, Failed | InvalidNamespace):
        return True
    from controllers.runtime.kube.errors import ApiError, NotConfigured  # noqa: PLC0415

    return isinstance(error, ApiError | NotConfigured)


def text_of(error: Exception) -> str:
    """Return what a failure says: of an API server's refusal its own words, unless they say nothing."""
    from controllers.runtime.kube.errors import ApiError, Invalid, Unauthorized  # noqa: PLC0415

    if isinstance(error, Unauthorized):
        return (
            f"the API server does not accept the credentials ({error.message}): they may have expired; log in again, "
            "or name others with --context, --user or --token"
        )

    return error.message if isinstance(error, Invalid) or (isinstance(error, ApiError) and error.status) else str(error)


def parse(found: Found, command: Command) -> tuple[dict[str, Any], tuple[str, ...], frozenset[str]]:
    """Return the values of all flags, the arguments, and which flags were given. Raises _BadUsage."""
    if not all(map(_is_utf8, found.arguments)):
        raise _BadUsage("an argument is not UTF-8, which API servers and manifests are written in")
    flags: tuple[click.Option, ...] = (*command.flags, *found.inherited)
    parser = click.Command(
        command.name,
        params=[*flags, click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        add_help_option=False,
    )
    try:
        arguments = spell_out(found.arguments, flags)
        context = parser.make_context(" ".join(found.path), arguments)
    except click.ClickException as error:
        raise _BadUsage(_explain(error, found, flags)) from error
    values = dict(context.params)
    rest: tuple[str, ...] = values.pop("arguments")
    if rest and command.refuses_arguments:
        raise _BadUsage(f"unknown command {quote_bytes(rest[0])} for {quote_bytes(' '.join(found.path))}")
    source = click.core.ParameterSource.COMMANDLINE
    given = frozenset(name for name in values if context.get_parameter_source(name) is source)
    return values, rest, given


def _is_utf8(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


class _BadUsage(Exception):
    """The arguments cannot be understood; the text says which and why."""


def _above(found: Found) -> tuple[click.Option, ...]:
    return tuple(flag for flag in found.inherited if flag not in GLOBAL_FLAGS)


def _asks_for_help(found: Found) -> bool:
    arguments = found.arguments
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(argument in ("-h", "--help") for argument in before)


def _no_command(found: Found, report: Reporter) -> int:
    """Print help where no command was named; say that there is no such command where one was."""
    if not found.unknown:
        _print(format_help(found))
        return 0
    assert isinstance(found.node, Group)
    names = [name for child in found.node.children for name in (child.name, *child.aliases)]
    meant = nearest(found.unknown, names)
    hint = f"; did you mean {quote_bytes(meant)}?" if meant else ""
    report.failure(f"unknown command {quote_bytes(found.unknown)} for {quote_bytes(' '.join(found.path))}{hint}")
    return 1


def _explain(error: click.ClickException, found: Found, flags: Sequence[click.Option]) -> str:
    match error:
        case InvalidArgument():
            label = error.param.label if isinstance(error.param, Flag) else ""
            return f'invalid argument {quote_bytes(error.value)} for "{label}" flag: {error.message}'
        case click.NoSuchOption(option_name=name) if name.startswith("--"):
            meant = nearest(name, [flag.long for flag in flags if isinstance(flag, Flag) and not flag.hidden])
            return f"unknown flag: {name}" + (f"; did you mean {meant}?" if meant else "")
        case click.NoSuchOption(option_name=name):
            letter = name[-1:]
            token = next((one for one in found.arguments if one[:1] == "-" and one[:2] != "--" and letter in one), name)
            return f"unknown shorthand flag: '{letter}' in {token}"
        case click.BadOptionUsage(option_name=name):
            shown = name if name.startswith("--") else f"'{name[-1:]}' in {name}"
            return f"flag needs an argument: {shown}"
    return error.format_message()


def _print(text: str) -> None:
    from cli.output import write_output  # noqa: PLC0415

    write_output([text.encode()])
