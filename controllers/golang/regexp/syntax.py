r"""Read a pattern as Go does: report what is wrong with it in Go's words, or return the same pattern for RE2.

RE2 and Go share their syntax but for a few points, which are settled here: `\C` is refused, group names may repeat,
names of Unicode classes are read loosely. One pass from left to right, no recursion: cost is linear in the length of
the pattern, however it is nested. Not checked: the size of the compiled program (RE2's own limit, see `engine`).
Follows https://pkg.go.dev/regexp/syntax as of Go 1.26.
"""

from dataclasses import dataclass, field

from controllers.golang.regexp.errors import BadPattern
from controllers.golang.regexp.unicode_class import class_members

MAX_REPEAT = 1000
MAX_HEIGHT = 1000

MISSING_PAREN = "missing closing )"
UNEXPECTED_PAREN = "unexpected )"
MISSING_BRACKET = "missing closing ]"
BAD_RANGE = "invalid character class range"
BAD_ESCAPE = "invalid escape sequence"
BAD_CAPTURE = "invalid named capture"
BAD_PERL = "invalid or unsupported Perl syntax"
BAD_COUNT = "invalid repeat count"
NESTED_REPEAT = "invalid nested repetition operator"
NO_ARGUMENT = "missing argument to repetition operator"
TRAILING_BACKSLASH = "trailing backslash at end of expression"
BAD_UTF8 = "invalid UTF-8"
TOO_DEEP = "expression nests too deeply"
TOO_LARGE = "expression too large"

PERL_CLASSES = frozenset("dDsSwW")
EMPTY_WIDTH_ESCAPES = frozenset("AbBz")
CONTROL_ESCAPES = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
POSIX_CLASSES = frozenset(
    "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit".split()  # noqa: SIM905
)


def bad_pattern(reason: str, excerpt: str) -> BadPattern:
    return BadPattern(f"error parsing regexp: {reason}: `{excerpt}`")


@dataclass(frozen=True, slots=True)
class Translation:
    pattern: str
    """For RE2, without group names."""
    group_names: tuple[str, ...]
    """Name of each group, "" where it has none; the whole match is number 0."""


@dataclass(frozen=True, slots=True)
class Operand:
    """What a repetition would apply to."""

    copies: int = 1
    """How often the innermost thing is copied by counted repetitions inside."""
    height: int = 1


@dataclass(slots=True)
class OpenGroup:
    """An open parenthesis, or the pattern itself."""

    capturing: bool
    last: Operand | None = None
    """The newest item of the present branch; None where a repetition would have no argument."""
    copies: int = 1
    height: int = 1
    items: int = 0
    branches: int = 1

    def push(self, item: Operand) -> None:
        self.settle()
        self.last = item
        self.items += 1

    def settle(self) -> None:
        if self.last:
            self.copies = max(self.copies, self.last.copies)
            self.height = max(self.height, self.last.height)
            self.last = None

    def close(self) -> Operand:
        self.settle()
        wraps = (self.items > self.branches) + (self.branches > 1) + self.capturing
        return Operand(self.copies, self.height + wraps)


@dataclass(slots=True)
class Translator:
    text: str
    at: int = 0
    copied: int = 0
    out: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=lambda: [""])
    groups: list[OpenGroup] = field(default_factory=lambda: [OpenGroup(capturing=False)])

    def read(self) -> Translation:
        text, repeat_at = self.text, -1
        while self.at < len(text):
            start, previous, repeat_at = self.at, repeat_at, -1
            match text[start]:
                case "(":
                    self.open_group()
                case ")":
                    self.close_group()
                case "|":
                    self.at += 1
                    self.groups[-1].settle()
                    self.groups[-1].branches += 1
                case "*" | "+" | "?":
                    self.at += 1
                    self.repeat(start, previous, (0, -1, False))
                    repeat_at = start
                case "{" if count := self.counts():
                    self.repeat(start, previous, (*count, True))
                    repeat_at = start
                case "[":
                    self.bracket()
                case "\\":
                    self.escape()
                case _:
                    self.at += 1
                    self.groups[-1].push(Operand())
        if len(self.groups) > 1:
            raise bad_pattern(MISSING_PAREN, text)
        self.copy_until(len(text))
        return Translation("".join(self.out), tuple(self.names))

    def copy_until(self, end: int) -> None:
        self.out.append(self.text[self.copied : end])
        self.copied = end

    def replace(self, start: int, replacement: str) -> None:
        """Put `replacement` where the pattern has what lies between `start` and here."""
        self.copy_until(start)
        self.out.append(replacement)
        self.copied = self.at

    # Groups

    def open_group(self) -> None:
        start, text = self.at, self.text
        if not text.startswith("(?", start):
            self.at += 1
            self.capture("")
            return
        rest = len(text) - start
        name_at = (
            4 if rest > 4 and text.startswith("P<", start + 2) else 3 if rest > 3 and text[start + 2] == "<" else 0
        )
        if not name_at:
            self.flags()
            return
        end = text.find(">", start)
        if end < 0:
            raise bad_pattern(BAD_CAPTURE, text[start:])
        name = text[start + name_at : end]
        if not (name.isascii() and name.replace("_", "a").isalnum()):
            raise bad_pattern(BAD_CAPTURE, text[start : end + 1])
        self.at = end + 1
        self.replace(start, "(")
        self.capture(name)

    def capture(self, name: str) -> None:
        self.names.append(name)
        self.groups.append(OpenGroup(capturing=True))

    def flags(self) -> None:
        start, text = self.at, self.text
        at, negative, has_flag = start + 2, False, False
        while at < len(text):
            char = text[at]
            at += 1
            if char in "imsU":
                has_flag = True
            elif char == "-" and not negative:
                negative, has_flag = True, False
            elif char in ":)" and (has_flag or not negative):
                self.at = at
                if char == ":":
                    self.groups.append(OpenGroup(capturing=False))
                return
            else:
                break
        raise bad_pattern(BAD_PERL, text[start:at])

    def close_group(self) -> None:
        if len(self.groups) == 1:
            raise bad_pattern(UNEXPECTED_PAREN, self.text)
        self.at += 1
        self.add(self.groups.pop().close())

    def add(self, item: Operand) -> None:
        if item.height > MAX_HEIGHT:
            raise bad_pattern(TOO_DEEP, self.text)
        self.groups[-1].push(item)

    # Repetitions

    def counts(self) -> tuple[int, int] | None:
        """Return the numbers of `{2}`, `{2,}` (-1 for the open end) or `{2,5}` here; None for an ordinary brace."""
        start, text = self.at, self.text
        end = text.find("}", start)
        if end < 0:
            return None
        low, comma, high = text[start + 1 : end].partition(",")
        if not is_count(low) or (high and not is_count(high)):
            return None
        self.at = end + 1
        least = int(low[:9])
        most = least if not comma else int(high[:9]) if high else -1
        if least > MAX_REPEAT or most > MAX_REPEAT or 0 <= most < least:
            raise bad_pattern(BAD_COUNT, text[start : self.at])
        return least, most

    def repeat(self, start: int, previous: int, count: tuple[int, int, bool]) -> None:
        least, most, counted = count
        if self.text.startswith("?", self.at):
            self.at += 1
        if previous >= 0:
            raise bad_pattern(NESTED_REPEAT, self.text[previous : self.at])
        group = self.groups[-1]
        argument = group.last
        if argument is None:
            raise bad_pattern(NO_ARGUMENT, self.text[start : self.at])
        factor = max(least, most) if counted else 1
        copies = 1 if most == 0 else argument.copies * max(factor, 1)
        if counted and factor >= 2 and copies > MAX_REPEAT:
            raise bad_pattern(BAD_COUNT, self.text[start : self.at])
        group.last = Operand(copies, argument.height + 1)
        if group.last.height > MAX_HEIGHT:
            raise bad_pattern(TOO_DEEP, self.text)

    # Escapes and classes

    def escape(self) -> None:
        start, text = self.at, self.text
        char = text[start + 1 : start + 2]
        if char == "Q":
            end = text.find("\\E", start + 2)
            stop = len(text) if end < 0 else end
            self.at = stop if end < 0 else end + 2
            if stop > start + 2:
                self.groups[-1].push(Operand())
            return
        if char == "C":
            raise bad_pattern(BAD_ESCAPE, "\\C")
        if char in EMPTY_WIDTH_ESCAPES:
            self.at += 2
        elif char not in {"p", "P"} or not char:
            self.char_escape() if char not in PERL_CLASSES else self.skip(2)
        else:
            self.unicode_class(in_bracket=False)
        self.groups[-1].push(Operand())

    def skip(self, length: int) -> int:
        self.at += length
        return -1

    def char_escape(self) -> int:
        """Return the code point of the escape here, having passed it."""
        start, text = self.at, self.text
        if start + 1 == len(text):
            raise bad_pattern(TRAILING_BACKSLASH, "")
        char = text[start + 1]
        self.at = start + 2
        following = text[self.at : self.at + 1]
        if char in CONTROL_ESCAPES:
            return CONTROL_ESCAPES[char]
        if char == "x" and following:
            return self.hex_escape(start)
        if char == "0" or (char in "1234567" and following and following in "01234567"):
            while self.at < min(start + 4, len(text)) and text[self.at] in "01234567":
                self.at += 1
            return int(text[start + 1 : self.at], 8)
        if char.isascii() and not char.isalnum():
            return ord(char)
        raise bad_pattern(BAD_ESCAPE, text[start : self.at])

    def hex_escape(self, start: int) -> int:
        text = self.text
        if text[self.at] != "{":
            self.at = min(self.at + 2, len(text))
            digits = text[start + 2 : self.at]
            if len(digits) == 2 and all(map(is_hex, digits)):
                return int(digits, 16)
            raise bad_pattern(BAD_ESCAPE, text[start : self.at])
        self.at += 1
        value, digits_at = 0, self.at
        while self.at < len(text):
            char = text[self.at]
            self.at += 1
            if char == "}" and self.at - 1 > digits_at:
                return value
            if not is_hex(char):
                break
            value = value * 16 + int(char, 16)
            if value > 0x10FFFF:
                break
        raise bad_pattern(BAD_ESCAPE, text[start : self.at])

    def unicode_class(self, *, in_bracket: bool) -> None:
        r"""Pass `\pL` or `\p{^Greek}`, and spell it as RE2 knows it."""
        start, text = self.at, self.text
        if text.startswith("{", start + 2):
            end = text.find("}", start)
            if end < 0:
                raise bad_pattern(BAD_RANGE, text[start:])
            name, self.at = text[start + 3 : end], end + 1
        else:
            self.at = min(start + 3, len(text))
            name = text[start + 2 : self.at]
        negative = (text[start + 1] == "P") != name.startswith("^")
        members = class_members(name.removeprefix("^"), negative=negative)
        if members is None:
            raise bad_pattern(BAD_RANGE, text[start : self.at])
        self.replace(start, members if in_bracket else f"[{members}]")

    def bracket(self) -> None:
        start, text = self.at, self.text
        self.at += 2 if text.startswith("[^", start) else 1
        first = True
        while first or not text.startswith("]", self.at):
            first = False
            if self.posix_class():
                continue
            if text.startswith(("\\p", "\\P"), self.at):
                self.unicode_class(in_bracket=True)
            elif text.startswith("\\", self.at) and text[self.at + 1 : self.at + 2] in PERL_CLASSES:
                self.at += 2
            else:
                self.char_range(start)
        self.at += 1
        self.groups[-1].push(Operand())

    def posix_class(self) -> bool:
        """Return True when a class such as `[:alpha:]` was here and has been passed."""
        start, text = self.at, self.text
        end = text.find(":]", start + 2) if text.startswith("[:", start) else -1
        if end < 0:
            return False
        if text[start + 2 : end].removeprefix("^") not in POSIX_CLASSES:
            raise bad_pattern(BAD_RANGE, text[start : end + 2])
        self.at = end + 2
        return True

    def char_range(self, bracket: int) -> None:
        start, text = self.at, self.text
        low = self.class_char(bracket)
        if text.startswith("-", self.at) and text[self.at + 1 : self.at + 2] not in {"", "]"}:
            self.at += 1
            if self.class_char(bracket) < low:
                raise bad_pattern(BAD_RANGE, text[start : self.at])

    def class_char(self, bracket: int) -> int:
        if self.at >= len(self.text):
            raise bad_pattern(MISSING_BRACKET, self.text[bracket:])
        if self.text[self.at] == "\\":
            return self.char_escape()
        self.at += 1
        return ord(self.text[self.at - 1])


def is_count(text: str) -> bool:
    """Return True for a decimal number without leading zeros."""
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def is_hex(char: str) -> bool:
    return char in "0123456789abcdefABCDEF"


def translate(pattern: str) -> Translation:
    """Return the same pattern for RE2. Raises BadPattern with Go's text."""
    if any("\ud800" <= char <= "\udfff" for char in pattern):
        raise bad_pattern(BAD_UTF8, pattern.encode("utf-8", "replace").decode())
    return Translator(pattern).read()
