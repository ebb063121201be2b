"""Trees with conditions as the text of Helm templates: https://helm.sh/docs/chart_template_guide/."""

import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from cli.yaml_text import to_yaml
from hack.chart.tree import Alternative, Branch, Condition, Fallback, Node, Setting, Slot, Text, value_of

Expression: TypeAlias = Callable[[Condition], str]
"""From a condition to the expression of an `if`; empty where it always holds."""
Piece: TypeAlias = tuple[str, list[str]]
"""Lines, and the expression on which they depend."""


def render_tree(tree: Branch, expression: Expression, indent: int = 0) -> list[str]:
    """Return the lines of a map or list, each indented."""
    pieces = [piece for slot in tree.slots for piece in _slot(slot, expression, indent)]
    return [*join(pieces, indent), *(" " * indent + line for line in tree.appended)]


def join(pieces: Iterable[Piece], indent: int) -> list[str]:
    """Return the lines of all pieces, those with the same condition behind one `if`."""
    merged: list[Piece] = []
    for condition, lines in pieces:
        if merged and merged[-1][0] == condition:
            merged[-1][1].extend(lines)
        else:
            merged.append((condition, list(lines)))
    return [line for condition, lines in merged for line in guard(condition, lines, indent)]


def guard(condition: str, lines: list[str], indent: int) -> list[str]:
    """Return lines within an `if`."""
    blank = " " * indent
    return [f"{blank}{{{{- if {condition} }}}}", *lines, f"{blank}{{{{- end }}}}"] if condition else lines


def _slot(slot: Slot, expression: Expression, indent: int) -> Iterator[Piece]:
    shown = [(expression(one.condition), _alternative(slot.key, one, expression, indent)) for one in slot.alternatives]
    if len(shown) == 2 and _are_opposite(*slot.alternatives):
        blank = " " * indent
        (_, without), (condition, instead) = shown
        lines = [f"{blank}{{{{- if {condition} }}}}", *instead, f"{blank}{{{{- else }}}}", *without]
        yield "", [*lines, f"{blank}{{{{- end }}}}"]
        return
    yield from shown


def _are_opposite(first: Alternative, second: Alternative) -> bool:
    return (
        len(second.condition.only) == 1
        and not second.condition.without
        and first.condition == Condition(without=second.condition.only)
    )


def _alternative(key: str, one: Alternative, expression: Expression, indent: int) -> list[str]:
    blank = " " * indent
    head = f"{blank}{_escape(to_yaml(key)).rstrip()}:" if key else f"{blank}-"
    match one.node:
        case Fallback():
            return _fallback(key, one.node, expression, indent)
        case Setting():
            return _setting(one.node, key, head, indent)
        case Text():
            return [f"{head} {one.node.text}"]
        case Branch() if one.node.slots or one.node.appended:
            return _branch(key, one.node, expression, head, indent)
        case _:
            return _plain(key, one.node, indent)


def _plain(key: str, node: Node, indent: int) -> list[str]:
    value = value_of(node)
    return [" " * indent + _escape(line) for line in to_yaml({key: value} if key else [value]).splitlines()]


def _branch(key: str, node: Branch, expression: Expression, head: str, indent: int) -> list[str]:
    if key:
        return [head, *render_tree(node, expression, indent if node.kind == "list" else indent + 2)]
    lines = render_tree(node, expression, indent + 2)
    if lines[0].lstrip().startswith("{{"):  # nothing to put behind the dash
        return [head, *lines]
    return [f"{head} {lines[0].lstrip()}", *lines[1:]]


def _fallback(key: str, node: Fallback, expression: Expression, indent: int) -> list[str]:
    blank = " " * indent
    given = _alternative(key, Alternative(node.given), expression, indent)
    otherwise = join(_slot(Slot(key, list(node.otherwise)), expression, indent), indent)
    if otherwise:
        otherwise = [f"{blank}{{{{- else }}}}", *otherwise]
    return guard(node.test, [*given, *otherwise], indent)


def _setting(setting: Setting, key: str, head: str, indent: int) -> list[str]:
    blank = " " * indent
    inner = indent + 2
    if not setting.is_optional:
        return [head, f"{blank}  {{{{- toYaml {setting.expression} | nindent {inner} }}}}"]
    return [
        f"{blank}{{{{- with {setting.expression} }}}}",
        head,
        f"{blank}  {{{{- toYaml . | nindent {inner} }}}}",
        f"{blank}{{{{- end }}}}",
    ]


def _escape(text: str) -> str:
    """Return text of which the template engine sees nothing."""
    return text.replace("{{", '{{ "{{" }}')


def comment(text: str, width: int = 120, indent: int = 0) -> list[str]:
    """Return text as comment lines of YAML."""
    lead = " " * indent + "# "
    return textwrap.wrap(text, width, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False)
