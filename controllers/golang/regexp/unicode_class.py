r"""Names of Unicode classes as Go reads them, spelled for RE2.

Since Go 1.25 `\p{letter}` is `\pL`: case, spaces, hyphens and underscores do not count, categories have long names,
and there are Any, Assigned, ASCII, Cn and LC. RE2 knows the short names and the scripts only. The tables of characters
are those of RE2 (and of Python for Assigned, Cn and LC): their Unicode version may be another than Go's.
"""

import sys
import unicodedata
from functools import cache

from controllers.golang.regexp.engine import PatternRejected, compile_re2

CATEGORY_OF = {
    "Other": "C",
    "Control": "Cc",
    "Cntrl": "Cc",
    "Format": "Cf",
    "Unassigned": "Cn",
    "Privateuse": "Co",
    "Surrogate": "Cs",
    "Letter": "L",
    "Casedletter": "Lc",
    "Lowercaseletter": "Ll",
    "Modifierletter": "Lm",
    "Otherletter": "Lo",
    "Titlecaseletter": "Lt",
    "Uppercaseletter": "Lu",
    "Mark": "M",
    "Combiningmark": "M",
    "Spacingmark": "Mc",
    "Enclosingmark": "Me",
    "Nonspacingmark": "Mn",
    "Number": "N",
    "Decimalnumber": "Nd",
    "Digit": "Nd",
    "Letternumber": "Nl",
    "Othernumber": "No",
    "Punctuation": "P",
    "Punct": "P",
    "Connectorpunctuation": "Pc",
    "Dashpunctuation": "Pd",
    "Closepunctuation": "Pe",
    "Finalpunctuation": "Pf",
    "Initialpunctuation": "Pi",
    "Otherpunctuation": "Po",
    "Openpunctuation": "Ps",
    "Symbol": "S",
    "Currencysymbol": "Sc",
    "Modifiersymbol": "Sk",
    "Mathsymbol": "Sm",
    "Othersymbol": "So",
    "Separator": "Z",
    "Lineseparator": "Zl",
    "Paragraphseparator": "Zp",
    "Spaceseparator": "Zs",
}

COMPUTED = {"Cn": frozenset({"Cn"}), "Lc": frozenset({"Lu", "Ll", "Lt"})}


def class_members(name: str, *, negative: bool) -> str | None:
    r"""Return the inside of the brackets of an RE2 class that means `\p{name}`; None for a name unknown to Go."""
    name = canonicalize(name)
    name = CATEGORY_OF.get(name, name)
    if name == "Assigned":
        name, negative = "Cn", not negative
    if name == "Ascii":
        return "\\x{80}-\\x{10FFFF}" if negative else "\\x00-\\x7F"
    if name in COMPUTED:
        return computed_members(name, negative)
    return f"\\{'P' if negative else 'p'}{{{name}}}" if is_known_to_re2(name) else None


def canonicalize(name: str) -> str:
    joined = name.replace("_", "").replace("-", "").replace(" ", "")
    return joined[:1].upper() + joined[1:].lower() if joined.isascii() else joined


@cache
def is_known_to_re2(name: str) -> bool:
    if not (name.isascii() and name.isalpha()):
        return False
    try:
        compile_re2(f"\\p{{{name}}}")
    except PatternRejected:
        return False
    return True


@cache
def computed_members(name: str, negative: bool) -> str:
    """Return ranges of the characters whose category is in (or not in) COMPUTED[name]; 0.2 s the first time."""
    wanted, category = COMPUTED[name], unicodedata.category
    ranges: list[str] = []
    start = -1
    for point in range(sys.maxunicode + 2):
        inside = point <= sys.maxunicode and (category(chr(point)) in wanted) != negative
        if inside and start < 0:
            start = point
        elif not inside and start >= 0:
            ranges.append(f"\\x{{{start:X}}}-\\x{{{point - 1:X}}}")
            start = -1
    return "".join(ranges)
