"""What YAML 1.1 reads as something other than text, and the order of keys, both as Go's YAML library has them.

Types: https://yaml.org/type/
"""

import re
from collections.abc import Iterable
from functools import cmp_to_key
from typing import Final

_WORDS: Final = frozenset(
    word
    for words in ("y", "yes", "true", "on", "n", "no", "false", "off", "null")
    for word in (words, words.capitalize(), words.upper())
) | {"", "~", ".nan", ".NaN", ".NAN"} | {
    sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?(?:0[bB][01]+|0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASE_60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[Tt ]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_DIGITS_AT: Final = re.compile(r"\d*")
_INSIDE_NUMBER: Final = re.compile(r"[1-9]\d*\Z")


def reads_as_other_type(text: str) -> bool:
    """Return whether the text, without quotes, would be read as a number, a time, a boolean or nothing."""
    if text in _WORDS:
        return True
    return text[0] in "+-.0123456789" and _is_number_or_time(text)


def _is_number_or_time(text: str) -> bool:
    if text[0] == ".":
        return _is_float(text)
    without_underscores = text.replace("_", "")
    return bool(
        _INTEGER.fullmatch(without_underscores)
        or _is_float(without_underscores)
        or _BASE_60.fullmatch(text)
        or _is_time(text)
    )


def _is_float(text: str) -> bool:
    # What is too large for 64 bits is no number to Go.
    return bool(_FLOAT.fullmatch(text)) and abs(float(text)) != float("inf")


def _is_time(text: str) -> bool:
    parts = _TIME.fullmatch(text)
    if parts is None:
        return False
    from datetime import datetime  # few strings look like times  # noqa: PLC0415

    year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups()[:6])
    zone = parts[7]
    separator = text[parts.end(3) : parts.end(3) + 1]
    if (separator in ("T", "t")) != (zone is not None):
        return False
    try:
        datetime(year or 4, month, day, hour, minute, second)  # noqa: DTZ001 -- only whether there is such a day
    except ValueError:
        return False
    return True


def sorted_keys(keys: Iterable[str]) -> list[str]:
    """Return keys in the order in which they are printed: numbers in them by value, letters behind other signs."""
    found = list(keys)
    if all(key.isalpha() for key in found):
        return sorted(found)
    return sorted(found, key=cmp_to_key(_compare))


def _compare(one: str, other: str) -> int:
    """Return a negative number where `one` comes first, a positive one where `other` does."""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if same is None:
        return len(one) - len(other)
    a, b = one[same], other[same]
    if a.isalpha() and b.isalpha():
        return -1 if a < b else 1
    if a.isalpha() or b.isalpha():
        return -1 if b.isalpha() else 1
    digits, other_digits = _DIGITS_AT.match(one, same), _DIGITS_AT.match(other, same)
    assert digits is not None  # the pattern matches everywhere
    assert other_digits is not None
    # Zeros behind a number are part of it, those before one are not.
    before = "1" if "0" in (a, b) and _INSIDE_NUMBER.search(one[:same]) else "0"
    rank = (int(before + digits[0]), digits.end(), a)
    other_rank = (int(before + other_digits[0]), other_digits.end(), b)
    return -1 if rank < other_rank else 1
