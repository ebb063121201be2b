"""The pages of the command line, a page a verb, from the grammars that parse it.

Verbs of a cluster state theirs with `cli.grammar`, the others with argparse. A verb whose module is not there yet has
no page.
"""

from __future__ import annotations

import importlib.util
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator, Sequence

import click

from cli.grammar.flags import Flag
from cli.grammar.globals import GLOBAL_FLAGS
from cli.grammar.help import usage
from cli.grammar.tree import Command, Found, Group, Lazy, Node, load, walk
from cli.main import CLUSTER_VERBS, VERBS, build_parser, build_root
from hack.reference.markdown import HOW, cell, escape

GENERATED = f"<!-- {HOW}; do not edit. -->\n"
PROGRAM = "tagline"


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    found = {f"{verb}.md": "".join(_parser_page(verb)) for verb in existing(VERBS)}
    found |= {f"{verb}.md": "".join(_tree_page(verb)) for verb in existing(CLUSTER_VERBS)}
    return {"index.md": "".join(_index()), **dict(sorted(found.items()))}


def existing(verbs: Sequence[str] | dict[str, str]) -> list[str]:
    """Return the verbs whose modules are there."""
    return [verb for verb in verbs if importlib.util.find_spec(f"cli.verbs.{verb}")]


def find_verb(name: str) -> Lazy:
    """Return a verb of the tree, not loaded yet."""
    return next(child for child in build_root().children if isinstance(child, Lazy) and child.name == name)


def _index() -> Iterator[str]:
    yield f"{GENERATED}# Commands\n\n"
    yield "What `tagline VERB --help` says, on pages.\n\n"
    for title, verbs in (("Without a cluster, or beside one", VERBS), ("In a cluster", CLUSTER_VERBS)):
        yield f"## {title}\n\n| Command | What it does |\n|---|---|\n"
        yield from (f"| [`{PROGRAM} {verb}`]({verb}.md) | {escape(verbs[verb])} |\n" for verb in existing(verbs))
        yield "\n"
    yield "## Global flags\n\nVerbs in a cluster take these as well, before or behind their own.\n\n"
    yield from _flag_table(GLOBAL_FLAGS)


def _tree_page(verb: str) -> Iterator[str]:
    yield f"{GENERATED}# {PROGRAM} {verb}\n\n"
    above: dict[tuple[str, ...], tuple[click.Option, ...]] = {}
    for path, node in walk(load(find_verb(verb)), (PROGRAM,)):
        inherited = above.get(path[:-1], ())
        above[path] = (*inherited, *node.flags) if isinstance(node, Group) else inherited
        if len(path) > 2:
            yield f"\n## {' '.join(path)}\n\n"
        yield from _node(node, path, inherited)


def _node(node: Node, path: tuple[str, ...], inherited: tuple[click.Option, ...]) -> Iterator[str]:
    yield f"{_sentence(node.description or node.summary)}\n"
    if isinstance(node, Group):
        yield "\n| Below it | What it does |\n|---|---|\n"
        for child in node.children:
            yield f"| {_child_link(child, path)} | {escape(child.summary)} |\n"
        return
    yield from _command(node, path, inherited)


def _child_link(child: Command | Group | Lazy, path: tuple[str, ...]) -> str:
    words = " ".join((*path, child.name))
    return f"[`{words}`](#{words.lower().replace(' ', '-')})"


def _command(node: Command, path: tuple[str, ...], inherited: tuple[click.Option, ...]) -> Iterator[str]:
    lines = usage(Found(node, path, inherited, ()))
    yield f"\n```text\n{chr(10).join(lines)}\n```\n"
    if node.aliases:
        yield f"\nAlso: {', '.join(f'`{alias}`' for alias in node.aliases)}.\n"
    if node.examples:
        examples = "\n".join(line.rstrip() for line in node.examples.strip("\n").splitlines())
        yield f"\n```sh\n{examples}\n```\n"
    if flags := (*node.flags, *inherited):
        yield "\n"
        yield from _flag_table(flags)
    yield "\nAlso the [global flags](index.md#global-flags).\n"


def _flag_table(flags: Sequence[click.Option]) -> Iterator[str]:
    yield "| Flag | Meaning |\n|---|---|\n"
    visible = [flag for flag in flags if isinstance(flag, Flag) and not flag.hidden]
    for flag in sorted(visible, key=lambda one: one.long):
        value = f" {cell(flag.type_word.strip('|'))}" if flag.type_word else ""
        names = f"`{flag.shorthand}`, `{flag.long}{value}`" if flag.shorthand else f"`{flag.long}{value}`"
        default = f" (default `{cell(flag.default_text)}`)" if flag.default_text else ""
        yield f"| {names} | {escape(flag.text)}{default} |\n"


def _parser_page(verb: str) -> Iterator[str]:
    subparsers = next(a for a in build_parser(verb)._actions if isinstance(a, _SubParsersAction))
    yield f"{GENERATED}# {PROGRAM} {verb}\n\n"
    yield from _parser(subparsers.choices[verb], VERBS[verb])


def _parser(parser: ArgumentParser, summary: str) -> Iterator[str]:
    yield f"{_sentence(parser.description or summary)}\n"
    below = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    if not below:
        yield f"\n```text\n{_usage(parser)}\n```\n\n"
        yield from _option_table(parser)
    if parser.epilog:
        yield f"\n{_sentence(parser.epilog)}\n"
    for action in below:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, inner in action.choices.items():
            yield f"\n## {inner.prog}\n\n"
            yield from _parser(inner, helps.get(name, ""))


def _usage(parser: ArgumentParser) -> str:
    """Return usage in one line: options are in the table."""
    words = [parser.prog, "[flags]"]
    for action in parser._get_positional_actions():
        name = str(action.metavar or action.dest)
        many = action.nargs in ("*", "+")
        words.append(f"[{name}{'...' if many else ''}]" if action.nargs in ("?", "*") else f"{name}{'...' * many}")
    return " ".join(words)


def _option_table(parser: ArgumentParser) -> Iterator[str]:
    yield "| Flag or argument | Meaning |\n|---|---|\n"
    for action in parser._actions:
        if action.dest == "help" or action.help == "==SUPPRESS==":
            continue
        meaning = escape(_expanded(parser, action.help or ""))
        if not action.option_strings:
            yield f"| `{action.metavar or action.dest}` | {meaning} |\n"
            continue
        value = "" if action.nargs == 0 else f" {_value_of(action.metavar, action.choices, action.dest)}"
        names = ", ".join(f"`{option}{value}`" for option in action.option_strings)
        yield f"| {cell(names)} | {meaning} |\n"


def _value_of(metavar: object, choices: object, name: str) -> str:
    if metavar:
        return str(metavar)
    return f"{{{','.join(map(str, choices))}}}" if isinstance(choices, (list, tuple)) else name.upper()


def _expanded(parser: ArgumentParser, text: str) -> str:
    return text.replace("%(prog)s", parser.prog).replace("%%", "%")


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return escape(text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else "."))
