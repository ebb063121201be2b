"""Flags, and how their values are read: as Go's pflag does, whose errors people know."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from controllers.golang.duration import BadDuration, format_nanoseconds, parse_nanoseconds
from controllers.golang.quote import quote_bytes

_TRUE: Final = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class InvalidArgument(click.BadParameter):
    """A value that a flag cannot have; the text says why."""

    def __init__(self, value: str, why: str) -> None:
        super().__init__(why)
        self.value = value


class Duration(click.ParamType[int]):
    """Go's text of a duration; the value is in nanoseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_nanoseconds(value)
        except BadDuration as error:
            raise InvalidArgument(value, str(error)) from error


class Int(click.ParamType[int]):
    """A whole number of 64 bits."""

    name = "int"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        digits = value[1:] if value[:1] in ("+", "-") else value
        if not (digits.isascii() and digits.isdecimal()):
            raise InvalidArgument(value, f"strconv.ParseInt: parsing {quote_bytes(value)}: invalid syntax")
        if len(digits) > 19 or not -(1 << 63) <= int(value) < 1 << 63:
            raise InvalidArgument(value, f"strconv.ParseInt: parsing {quote_bytes(value)}: value out of range")
        return int(value)


class Float(click.ParamType[float]):
    """A number; only for what clients of Kubernetes take and tagline needs not."""

    name = "float32"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(value)
        except ValueError as error:
            raise InvalidArgument(value, f"strconv.ParseFloat: parsing {quote_bytes(value)}: invalid syntax") from error


class Words(click.ParamType[str]):
    """One of some words. The text of a refusal names them."""

    def __init__(self, words: Sequence[str], refusal: str) -> None:
        """refusal: with `{value}` and `{words}` in it."""
        self.words = tuple(words)
        self.name = "|".join(self.words)
        self._refusal = refusal

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.words and not (param is not None and value == param.default):
            raise InvalidArgument(value, self._refusal.format(value=value, words=", ".join(self.words)))
        return str(value)


class Text(click.ParamType[str]):
    """Text as it is."""

    name = "string"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)


class Texts(Text):
    """One text each time the flag is given."""

    name = "stringArray"


class CommaSeparated(Text):
    """Texts, separated by commas, each time the flag is given. Quotes are as in CSV."""

    name = "strings"


TEXT: Final = Text()
TEXTS: Final = Texts()
COMMA_SEPARATED: Final = CommaSeparated()
DURATION: Final = Duration()
INT: Final = Int()
FLOAT: Final = Float()


class Flag(click.Option):
    """A flag with what help and errors say of it."""

    def __init__(
        self, *names: str, help: str, hidden: bool = False, values: Sequence[str] = (), **options: Any
    ) -> None:
        """names: `--name`, and `-n` before it where there is a shorthand; values: that completion offers."""
        self.values = tuple(values)
        self.long = names[-1]
        self.shorthand = names[0] if len(names) > 1 else ""
        self.text = help
        super().__init__(names, hidden=hidden, **options)

    @property
    def label(self) -> str:
        """What errors call it: `--name`, or `-n, --name`."""
        return f"{self.shorthand}, {self.long}" if self.shorthand else self.long

    @property
    def type_word(self) -> str:
        """What help says of its value; empty for one that has none."""
        return "" if self.is_flag else self.type.name

    @property
    def default_text(self) -> str:
        """What help says of its default; empty for none, zero and false."""
        default: Any = self.default
        match default:
            case tuple() | list():
                return f"[{','.join(default)}]" if default else ""
            case True:
                return "true"
            case int() if isinstance(self.type, Duration):
                return format_nanoseconds(default) if default else ""
            case int() | float():
                return f"{default:g}" if isinstance(default, float) else str(default) if default else ""
            case str() if isinstance(self.type, Words):
                return default
            case str():
                return f'"{default}"' if default else ""
        return ""


def text(
    *names: str,
    help: str,
    default: str = "",
    hidden: bool = False,
    type: click.ParamType[str] = TEXT,
    values: Sequence[str] = (),
) -> Flag:
    """Return a flag with a text; values: that completion offers."""
    return Flag(*names, type=type, default=default, help=help, hidden=hidden, values=values)


def texts(*names: str, help: str, default: Sequence[str] = (), values: Sequence[str] = ()) -> Flag:
    """Return a flag whose value is a tuple: comma-separated texts, of each time it is given."""
    return Flag(
        *names, type=COMMA_SEPARATED, multiple=True, default=tuple(default), callback=_split_all, help=help,
        values=values,
    )  # fmt: skip


def repeated(*names: str, help: str) -> Flag:
    """Return a flag whose value is a tuple: one text of each time it is given."""
    return Flag(*names, type=TEXTS, multiple=True, default=(), help=help)


def switch(*names: str, help: str, default: bool | None = False, hidden: bool = False) -> Flag:
    """Return a flag that is on or off: `--name`, `--name=false`. default: None to know whether it was given."""
    flag = Flag(*names, is_flag=True, default=default, help=help, hidden=hidden)
    flag.secondary_opts = [negated(names[-1])]
    return flag


def duration(*names: str, help: str, default: int = 0, hidden: bool = False) -> Flag:
    """Return a flag with a duration, in nanoseconds."""
    return Flag(*names, type=DURATION, default=default, help=help, hidden=hidden)


def negated(long: str) -> str:
    """Return what stands for `--name=false` where click reads it, which knows no values of switches."""
    return f"--not:{long[2:]}"


def spell_out(arguments: Sequence[str], flags: Sequence[click.Option]) -> list[str]:
    """Return arguments in a form that click reads: no `--switch=false`, no `-n=value`. Raises InvalidArgument."""
    known = {name: flag for flag in flags if isinstance(flag, Flag) for name in (flag.long, flag.shorthand) if name}
    result: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return [*result, argument, *rest]
        parts = [argument] if argument.startswith("--") else _split_shorthands(argument, known)
        for part in parts:
            name, equals, value = part.partition("=")
            flag = known.get(name)
            if flag is None or not flag.is_flag:
                result.append(part)
            else:
                result.append(_spell_out_switch(flag, value) if equals else part)
        flag = known.get(parts[-1])
        if flag is not None and not flag.is_flag:  # what follows is its value, whatever it looks like
            result += [value for value in [next(rest, None)] if value is not None]
    return result


def _split_shorthands(argument: str, known: Mapping[str, Flag]) -> list[str]:
    """Return `-An=apps` as `-A` and `--namespace=apps`; as it is where not all of its letters are known."""
    parts: list[str] = []
    if argument[:1] != "-":
        return [argument]
    for at, letter in enumerate(argument[1:], 2):
        flag, value = known.get(f"-{letter}"), argument[at:]
        if flag is None:
            return [argument]
        if flag.is_flag and not value.startswith("="):
            parts.append(flag.shorthand)
        elif value:
            return [*parts, f"{flag.long}={value.removeprefix('=')}"]
        else:
            parts.append(flag.shorthand)
    return parts or [argument]


def _spell_out_switch(flag: Flag, value: str) -> str:
    if value in _TRUE:
        return flag.long
    if value in _FALSE:
        return negated(flag.long)
    raise _refused(flag, value, f"strconv.ParseBool: parsing {quote_bytes(value)}: invalid syntax")


def _refused(flag: click.Parameter, value: str, why: str) -> InvalidArgument:
    refusal = InvalidArgument(value, why)
    refusal.param = flag
    return refusal


def _split_all(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(cell for value in values for cell in _split(param, value))


def _split(param: click.Parameter, value: str) -> list[str]:
    import csv  # only where such a flag was given  # noqa: PLC0415

    try:
        return [cell for row in csv.reader([value]) for cell in row]
    except csv.Error as error:
        why = "a line break" if "\n" in value or "\r" in value else str(error)
        raise _refused(param, value, f"parse error: {why}") from None
