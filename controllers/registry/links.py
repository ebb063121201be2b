"""`Link` headers (RFC 8288): strict enough never to lose a page, liberal where registries write what is plain. Pure.

Accepted beyond the grammar: an empty parameter (a semicolon at the end), a parameter without a value, blanks around
`=`, and a single target without angle brackets.
"""

import re
from dataclasses import dataclass

MAX_LINK_CHARS = 8_192

# Possessive throughout: a header of somebody else must not make the expression try things twice.
_TARGET = re.compile(r"<([^<>]*+)>|([^\s<>,;\"]++)")
_PARAMETER = re.compile(
    r"\s*+;\s*+(?:([A-Za-z0-9!#$&+.^_`|~*-]++)(?:\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s\",;]*+)))?+)?+"
)
_SEPARATOR = re.compile(r"\s*+(?:,[\s,]*+|$)")


class BadLink(ValueError):
    """The header is present and cannot be understood."""


@dataclass(frozen=True, slots=True)
class Link:
    """One target and its relations, in lower case."""

    target: str
    relations: tuple[str, ...]
    """Empty where the header names none."""


def parse_links(header: str) -> list[Link]:
    """Return the links of one header, in order. Raises BadLink for anything that is not wholly understood."""
    if len(header) > MAX_LINK_CHARS:
        raise BadLink(f"it has more than {MAX_LINK_CHARS} characters")
    links, at = [], len(header) - len(header.lstrip(" \t,"))
    while at < len(header):
        target = _TARGET.match(header, at)
        if target is None:
            raise BadLink(header[at:])
        at, relations = target.end(), tuple[str, ...]()
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            # Only the first `rel` counts (RFC 8288 section 3.3).
            if (parameter[1] or "").lower() == "rel" and not relations:
                relations = tuple(_unquote(parameter[2], parameter[3]).lower().split())
        end = _SEPARATOR.match(header, at)
        if end is None or (target[1] is None and not relations):
            raise BadLink(header[at:] or header)
        links.append(Link(target[1] if target[1] is not None else target[2], relations))
        at = end.end()
    return links


def _unquote(quoted: str | None, plain: str | None) -> str:
    return (plain or "") if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
