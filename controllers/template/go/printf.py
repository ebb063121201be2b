"""Go's `fmt.Sprintf`: directives, flags and operands.

`printing.Printer` prints the operands. Mistakes are reported inside the text, as in Go. Reference:
https://pkg.go.dev/fmt (flags, width, precision, explicit argument indexes, format errors).
"""

from controllers.template.go.printing import Flags, Printer
from controllers.template.go.values import type_of
from controllers.template.limits import RenderBudget

_MAX_NUMBER = 1_000_000
"""Go refuses widths and precisions beyond this."""
_FLAGS = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}


class Formatter:
    """One pass over a format string."""

    def __init__(self, template: str, operands: tuple[object, ...], budget: RenderBudget) -> None:
        self._template = template
        self._operands = operands
        self._printer = Printer(budget)
        self._budget = budget
        self._at = 0
        self._operand = 0
        self._reordered = False
        self._good_index = True
        self._after_index = False

    def run(self) -> str:
        """Return the formatted text."""
        while self._at < len(self._template):
            self._budget.spend()
            start = self._at
            self._at = self._template.find("%", start)
            if self._at < 0:
                self._printer.write(self._template[start:])
                break
            self._printer.write(self._template[start : self._at])
            self._at += 1
            self._directive()
        self._extra()
        return self._printer.text()

    def _peek(self) -> str:
        return self._template[self._at : self._at + 1]

    def _directive(self) -> None:
        self._good_index, self._after_index = True, False
        flags = self._printer.flags = Flags()
        while (name := _FLAGS.get(self._peek())) is not None:
            setattr(flags, name, True)
            self._at += 1
        self._index()
        self._width(flags)
        self._precision(flags)
        if not self._after_index:
            self._index()
        verb = self._peek()
        if not verb:
            self._printer.write("%!(NOVERB)")
            return
        self._at += 1
        self._apply(verb, flags)

    def _apply(self, verb: str, flags: Flags) -> None:
        if verb == "%":
            self._printer.write("%")
        elif not self._good_index:
            self._printer.write(f"%!{verb}(BADINDEX)")
        elif self._operand >= len(self._operands):
            self._printer.write(f"%!{verb}(MISSING)")
        else:
            if verb in "vw":
                flags.sharp_v, flags.sharp = flags.sharp, False
                flags.plus_v, flags.plus = flags.plus, False
            self._printer.argument(self._operands[self._operand], verb)
            self._operand += 1

    def _index(self) -> None:
        """Read an explicit argument index `[n]`, if there is one here."""
        if self._peek() != "[":
            self._after_index = False
            return
        self._reordered = True
        close = self._template.find("]", self._at)
        if close < 0:
            self._good_index = False
            self._at += 1
            return
        digits = self._template[self._at + 1 : close]
        self._at = close + 1
        if digits.isascii() and digits.isdecimal() and 1 <= int(digits[:9]) <= len(self._operands):
            self._operand = int(digits[:9]) - 1
            self._after_index = True
        else:
            self._good_index = False

    def _width(self, flags: Flags) -> None:
        if self._peek() == "*":
            self._at += 1
            flags.width = self._from_operand()
            if flags.width is None:
                self._printer.write("%!(BADWIDTH)")
            elif flags.width < 0:
                flags.width, flags.minus, flags.zero = -flags.width, True, False
            self._after_index = False
            return
        flags.width = self._number()
        if self._after_index and flags.width is not None:
            self._good_index = False

    def _precision(self, flags: Flags) -> None:
        if self._peek() != "." or self._at + 1 >= len(self._template):
            return
        self._at += 1
        if self._after_index:
            self._good_index = False
        self._index()
        if self._peek() == "*":
            self._at += 1
            precision = self._from_operand()
            if precision is None or precision < 0:
                self._printer.write("%!(BADPREC)")
            else:
                flags.precision = precision
            self._after_index = False
        else:
            flags.precision = self._number() or 0

    def _number(self) -> int | None:
        start = self._at
        while self._peek().isascii() and self._peek().isdecimal():
            self._at += 1
        digits = self._template[start : self._at]
        if not digits:
            return None
        if len(digits.lstrip("0")) > len(str(_MAX_NUMBER)) or int(digits) > _MAX_NUMBER:
            self._at = len(self._template)  # Go gives up on the rest of the format
            return None
        return int(digits)

    def _from_operand(self) -> int | None:
        if self._operand >= len(self._operands):
            return None
        value = self._operands[self._operand]
        self._operand += 1
        if not isinstance(value, int) or isinstance(value, bool) or not -_MAX_NUMBER <= value <= _MAX_NUMBER:
            return None
        return int(value)

    def _extra(self) -> None:
        if self._reordered or self._operand >= len(self._operands):
            return
        self._printer.flags = Flags()
        self._printer.write("%!(EXTRA ")
        for position, value in enumerate(self._operands[self._operand :]):
            if position:
                self._printer.write(", ")
            if value is None:
                self._printer.write("<nil>")
                continue
            self._printer.write(type_of(value).name + "=")
            self._printer.argument(value, "v")
        self._printer.write(")")


def sprintf(template: str, operands: tuple[object, ...], budget: RenderBudget) -> str:
    """Fill in the directives of `template`; mistakes appear as `%!d(string=x)`, never as an error."""
    return Formatter(template, operands, budget).run()
