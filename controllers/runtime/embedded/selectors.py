"""Label selectors as requests carry them: `a=b,c!=d,e in (f,g),h,!i`.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from api.meta import LabelSelector, LabelSelectorRequirement
from api.selectors import matches
from controllers.runtime.kube.errors import Invalid

_TERM: Final = re.compile(
    r"\s*(?:(?P<absent>!)\s*)?(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)\s*"
    r"(?:(?P<operator>==|=|!=)\s*(?P<value>[A-Za-z0-9._-]*)|(?P<set>\b(?:in|notin))\s*\((?P<values>[^()]*)\))?\s*(?:,|$)"
)


class _Metadata(msgspec.Struct):
    labels: dict[str, str] = {}


class _Labelled(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_LABELLED = msgspec.json.Decoder(_Labelled)


def labels_of(body: bytes) -> Mapping[str, str]:
    """Return the labels of an encoded object."""
    return _LABELLED.decode(body).metadata.labels


def selects(selector: str, body: bytes) -> bool:
    """Return whether an encoded object has the labels. Raises Invalid for what is no selector."""
    return not selector or matches(parse_selector(selector), labels_of(body))


@lru_cache(maxsize=64)
def parse_selector(text: str) -> LabelSelector:
    """Parse the selector of a request. Raises Invalid."""
    position, requirements = 0, []
    while position < len(text):
        term = _TERM.match(text, position)
        if term is None or (term["absent"] and (term["operator"] or term["set"])):
            raise Invalid("select", f"unable to parse label selector: {text!r}", status=400)
        requirements.append(_requirement(term))
        position = term.end()
    return LabelSelector(match_expressions=tuple(requirements))


def _requirement(term: re.Match[str]) -> LabelSelectorRequirement:
    if term["set"]:
        values = tuple(value.strip() for value in term["values"].split(","))
        return LabelSelectorRequirement(
            key=term["key"], operator="In" if term["set"] == "in" else "NotIn", values=values
        )
    if term["operator"]:
        operator = "NotIn" if term["operator"] == "!=" else "In"
        return LabelSelectorRequirement(key=term["key"], operator=operator, values=(term["value"],))
    return LabelSelectorRequirement(key=term["key"], operator="DoesNotExist" if term["absent"] else "Exists")
