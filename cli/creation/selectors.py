"""Label selectors as `kubectl -l` takes them, for fields that hold a LabelSelector.

Syntax: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from cli.creation.names import parse_labels
from cli.grammar.session import Failed

_COMMA: Final = re.compile(r",(?![^()]*\))")
_SET: Final = re.compile(r"(\S+)\s+(in|notin)\s*\(([^()]*)\)")
_EQUALITY: Final = re.compile(r"([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)")
_PRESENCE: Final = re.compile(r"(!?)\s*([^\s=!(),]+)")
_OPERATORS: Final = {"in": "In", "notin": "NotIn"}


def parse_selector(flag: str, text: str) -> dict[str, Any] | None:
    """Return a LabelSelector, None for an empty text. Raises Failed, which names the flag."""
    labels: dict[str, str] = {}
    expressions: list[dict[str, Any]] = []
    for part in filter(None, (part.strip() for part in _COMMA.split(text))):
        if found := _SET.fullmatch(part):
            values = [value.strip() for value in found[3].split(",")]
            expressions.append({"key": found[1], "operator": _OPERATORS[found[2]], "values": values})
        elif found := _EQUALITY.fullmatch(part):
            key, sign, value = found.groups()
            if sign != "!=" and key not in labels:
                labels[key] = value
            else:
                operator = "NotIn" if sign == "!=" else "In"
                expressions.append({"key": key, "operator": operator, "values": [value]})
        elif found := _PRESENCE.fullmatch(part):
            expressions.append({"key": found[2], "operator": "DoesNotExist" if found[1] else "Exists"})
        else:
            raise Failed(f"{flag} '{part}' is not a label selector; write it as 'app=web,tier in (front,back),!canary'")
    _check(flag, labels, expressions)
    selector = {"matchLabels": labels, "matchExpressions": expressions}
    return {key: value for key, value in selector.items() if value} or None


def _check(flag: str, labels: dict[str, str], expressions: list[dict[str, Any]]) -> None:
    pairs = [f"{key}={value}" for key, value in labels.items()]
    pairs += [f"{one['key']}={value}" for one in expressions for value in one.get("values", [""])]
    try:
        parse_labels(pairs)
    except Failed as error:
        raise Failed(f"{flag}: {error}") from None


def parse_namespaces(flag: str, selectors: Sequence[str]) -> dict[str, Any] | None:
    """Return access for the namespaces that each text chooses by labels, `*` for all; None without texts.

    Raises Failed.
    """
    if not selectors:
        return None
    chosen: list[dict[str, Any]] = []
    for selector in selectors:
        try:
            labels = parse_labels(selector.split(",")) if selector != "*" else {}
        except Failed as error:
            raise Failed(f"{flag}: {error}") from None
        chosen.append({"matchLabels": labels} if labels else {})
    return {"namespaceSelectors": chosen}
