"""Go's `fmt` for one value: what each verb makes of each type.

`Printer` appends to a list of pieces and pays for every element, since values may be large, deep or (through `set`)
contain themselves. Left out: `%p` and anything else that would print an address. `printf` reads the directives.
"""

import math
import sys
from dataclasses import dataclass

from controllers.golang.floats import SHORTEST, format_float
from controllers.golang.quote import quote
from controllers.template.errors import LimitExceeded
from controllers.template.go import gotext
from controllers.template.go.types import UNSIGNED
from controllers.template.go.values import MISSING, Map, Slice, Struct, kind_of, sorted_items, type_of
from controllers.template.limits import MAX_NESTING, RenderBudget

_BASES = {"b": "b", "o": "o", "O": "o", "d": "d", "v": "d", "x": "x", "X": "X"}
_FLOAT_VERBS = "beEfFgGxX"
_TEXT_VERBS = "vsxXq"


@dataclass(slots=True)
class Flags:
    """The flags, width and precision of one directive."""

    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    plus_v: bool = False
    sharp_v: bool = False
    width: int | None = None
    precision: int | None = None


class Printer:
    """Collects formatted text in `out`."""

    __slots__ = ("_budget", "_reporting", "flags", "out")

    def __init__(self, budget: RenderBudget) -> None:
        self._budget = budget
        self._reporting = False
        self.flags = Flags()
        self.out: list[str] = []

    def text(self) -> str:
        """Return what has been printed so far."""
        return "".join(self.out)

    def write(self, text: str) -> None:
        """Append `text` as it is."""
        self._budget.grow(len(text))
        self.out.append(text)

    def argument(self, value: object, verb: str) -> None:
        """Append `value` as the verb prints an operand."""
        if value is None:
            if verb in "Tv":
                self._pad("<nil>")
            else:
                self._bad(value, verb)
        elif verb == "T":
            self._string(type_of(value).name, "s", value)
        elif verb in "pw":  # addresses and errors
            self._bad(value, verb)
        else:
            self._value(value, verb, 0)

    def _value(self, value: object, verb: str, depth: int) -> None:
        self._budget.spend()
        if depth > MAX_NESTING:
            raise LimitExceeded(f"values are nested more than {MAX_NESTING} deep")
        stringer = type_of(value).text
        if stringer is not None and not self._reporting and not self.flags.sharp_v and verb in _TEXT_VERBS:
            self._string(stringer(value), verb, value)
            return
        match value:
            case bool():
                self._bool(value, verb)
            case int():
                self._integer(value, verb)
            case float():
                self._float(value, verb)
            case complex():
                self._complex(value, verb)
            case str():
                self._string(value, verb, value)
            case Slice():
                self._slice(value, verb, depth)
            case Map():
                self._map(value, verb, depth)
            case Struct():
                self._struct(value, verb, depth)
            case None:
                self.write("interface {}(nil)" if self.flags.sharp_v else "<nil>")
            case _:
                self._pad("{}")

    def _pad(self, text: str) -> None:
        width = self.flags.width
        missing = 0 if width is None else width - len(text)
        if missing > 0:
            self._budget.grow(missing)
            if self.flags.minus:
                text += " " * missing
            else:
                text = ("0" if self.flags.zero else " ") * missing + text
        self.write(text)

    def _bad(self, value: object, verb: str) -> None:
        self.write(f"%!{verb}(")
        if value is None or value is MISSING:
            self.write("<nil>")
        else:
            self.write(type_of(value).name + "=")
            outermost, self._reporting = not self._reporting, True
            self._value(value, "v", 0)
            self._reporting = not outermost
        self.write(")")

    def _bool(self, value: bool, verb: str) -> None:
        if verb in "tv":
            self._pad("true" if value else "false")
        else:
            self._bad(value, verb)

    def _string(self, text: str, verb: str, value: object) -> None:
        if verb in "vs" and not (self.flags.sharp_v and verb == "v"):
            self._pad(self._truncated(text))
        elif verb in "vq":
            self._quoted(self._truncated(text))
        elif verb in "xX":
            self._hex(text, verb)
        else:
            self._bad(value, verb)

    def _truncated(self, text: str) -> str:
        return text if self.flags.precision is None else text[: self.flags.precision]

    def _quoted(self, text: str) -> None:
        if self.flags.sharp and "`" not in text and all(c == "\t" or (c.isprintable() and c != "﻿") for c in text):
            self._pad(f"`{text}`")
        else:
            self._pad(quote(text, ascii_only=self.flags.plus))

    def _hex(self, text: str, verb: str) -> None:
        raw = gotext.encode(text)
        if self.flags.precision is not None:
            raw = raw[: self.flags.precision]
        self._budget.grow(5 * len(raw))
        prefix = "0x" if self.flags.sharp else ""
        digits = (
            " ".join(f"{prefix}{byte:02x}" for byte in raw) if self.flags.space else (prefix if raw else "") + raw.hex()
        )
        self._pad(digits.upper() if verb == "X" else digits)

    def _integer(self, value: int, verb: str) -> None:
        number = int(value)
        if verb == "v" and self.flags.sharp_v and kind_of(value) in UNSIGNED:
            self._pad(f"0x{number:x}")
        elif verb in _BASES:
            self._digits(number, verb)
        elif verb == "c":
            self._pad(_char(number))
        elif verb == "q":
            self._pad(quote(_char(number), delimiter="'", ascii_only=self.flags.plus))
        elif verb == "U":
            char = _char(number)
            note = f" '{char}'" if self.flags.sharp and char.isprintable() and 0 <= number <= sys.maxunicode else ""
            digits = f"{number % (1 << 64):X}".rjust(max(4, self.flags.precision or 0), "0")
            zero, self.flags.zero = self.flags.zero, False
            self._pad(f"U+{digits}{note}")
            self.flags.zero = zero
        else:
            self._bad(value, verb)

    def _digits(self, number: int, verb: str) -> None:
        flags = self.flags
        sign = "-" if number < 0 else "+" if flags.plus else " " if flags.space else ""
        digits = format(abs(number), _BASES[verb])
        if flags.precision is not None:
            self._budget.grow(flags.precision)
            digits = "" if flags.precision == 0 and number == 0 else digits.rjust(flags.precision, "0")
            if not digits:
                self._without_zero("")
                return
        elif flags.zero and not flags.minus and flags.width is not None:
            self._budget.grow(flags.width)
            digits = digits.rjust(flags.width - len(sign), "0")
        prefix = "0o" if verb == "O" else ""
        if flags.sharp and verb != "v":
            octal = "" if digits.startswith("0") else "0"
            prefix = {"b": "0b", "o": octal, "x": "0x", "X": "0X"}.get(verb, prefix)
        self._without_zero(sign + prefix + digits)

    def _without_zero(self, text: str) -> None:
        zero, self.flags.zero = self.flags.zero, False
        self._pad(text)
        self.flags.zero = zero

    def _float(self, value: float, verb: str) -> None:
        if verb not in _FLOAT_VERBS + "v":
            self._bad(value, verb)
            return
        self._number(value, "g" if verb == "v" else verb, self.flags.plus)

    def _number(self, value: float, verb: str, plus: bool) -> None:
        default = SHORTEST if verb in "bgGxX" else 6
        precision = default if self.flags.precision is None else self.flags.precision
        self._budget.grow(max(precision, 0))
        text = format_float(value, verb, precision)
        if math.isnan(value) or math.isinf(value):
            if math.isnan(value) and (plus or self.flags.space):
                text = ("+" if plus else " ") + text
            self._without_zero(text)
            return
        if self.flags.sharp:
            text = _with_point(text, verb, precision)
        sign = "-" if text.startswith("-") else "+" if plus else " " if self.flags.space else ""
        digits = text.removeprefix("-")
        width = self.flags.width
        if self.flags.zero and not self.flags.minus and width is not None:
            self._budget.grow(width)
            digits = digits.rjust(width - len(sign), "0")
        self._pad(sign + digits)

    def _complex(self, value: complex, verb: str) -> None:
        if verb not in _FLOAT_VERBS + "v":
            self._bad(value, verb)
            return
        kind = "g" if verb == "v" else verb
        self.write("(")
        self._number(value.real, kind, self.flags.plus)
        self._number(value.imag, kind, True)
        self.write("i)")

    def _slice(self, value: Slice, verb: str, depth: int) -> None:
        if self.flags.sharp_v:
            self.write(value.go_type.name)
            if value.is_nil:
                self.write("(nil)")
                return
        separator, brackets = (", ", "{}") if self.flags.sharp_v else (" ", "[]")
        self.write(brackets[0])
        for index, item in enumerate(value.items):
            if index:
                self.write(separator)
            self._value(item, verb, depth + 1)
        self.write(brackets[1])

    def _map(self, value: Map, verb: str, depth: int) -> None:
        if self.flags.sharp_v:
            self.write(value.go_type.name)
            if value.is_nil:
                self.write("(nil)")
                return
        opening, separator, closing = ("{", ", ", "}") if self.flags.sharp_v else ("map[", " ", "]")
        self.write(opening)
        for index, (key, item) in enumerate(sorted_items(value)):
            if index:
                self.write(separator)
            self._value(key, verb, depth + 1)
            self.write(":")
            self._value(item, verb, depth + 1)
        self.write(closing)

    def _struct(self, value: Struct, verb: str, depth: int) -> None:
        if self.flags.sharp_v:
            self.write(value.go_type.name)
        self.write("{")
        for index, (name, item) in enumerate(zip(value.go_type.fields, value.values, strict=True)):
            if index:
                self.write(", " if self.flags.sharp_v else " ")
            if self.flags.plus_v or self.flags.sharp_v:
                self.write(name + ":")
            self._value(item, verb, depth + 1)
        self.write("}")


def _char(code: int) -> str:
    return chr(code) if 0 <= code < 0xD800 or 0xDFFF < code <= 0x10FFFF else gotext.REPLACEMENT


def _with_point(text: str, verb: str, precision: int) -> str:
    """Apply the `#` flag: always a decimal point, and for g and G no trailing zeros removed."""
    mark = "e" if verb in "eg" else "E"
    number, exponent, tail = text.partition(mark) if verb in "eEgG" else (text, "", "")
    if "." not in number:
        number += "."
    if verb in "gG":
        wanted = 6 if precision < 0 else precision
        digits = number.replace(".", "").lstrip("-").lstrip("0")
        number += "0" * (wanted - len(digits) - (1 if not digits else 0))
    return number + exponent + tail


def to_text(value: object, budget: RenderBudget) -> str:
    """Return `value` as `%v` prints it; a missing value is `<no value>`."""
    if isinstance(value, str):
        return value
    if value is MISSING:
        return "<no value>"
    printer = Printer(budget)
    printer.argument(value, "v")
    return printer.text()


def sprint(values: tuple[object, ...], budget: RenderBudget) -> str:
    """Print as Go's `fmt.Sprint`: a space between two operands where neither is a string."""
    printer = Printer(budget)
    previous: object = ""
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(previous, str):
            printer.write(" ")
        printer.argument(value, "v")
        previous = value
    return printer.text()


def sprintln(values: tuple[object, ...], budget: RenderBudget) -> str:
    """Print as Go's `fmt.Sprintln`: spaces between all operands, a newline at the end."""
    printer = Printer(budget)
    for index, value in enumerate(values):
        if index:
            printer.write(" ")
        printer.argument(value, "v")
    printer.write("\n")
    return printer.text()
