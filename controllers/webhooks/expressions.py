"""CEL over a request, evaluated by Google's library. The only module here that imports it, with the first expression.

What an expression may cost is bounded, since its author is a tenant and its input a stranger's. The library ends
comprehensions after 10,000 steps, but not before each of them has made a large text. So an expression has at most
MAX_CHARS characters, and what repeats or enlarges texts has a price, MAX_PRICE at most together. Texts and lists of the
input that are too long read as null. They are not cut: a condition on the end of a claim would be true of another one.
https://cel.dev, https://github.com/google/cel-spec
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from controllers.net.foreign_text import sanitize
from controllers.webhooks.limits import MAX_DEPTH, MAX_EVENTS, MAX_TEXT
from controllers.webhooks.verdict import malformed, not_configured

MAX_CHARS: Final = 1024
MAX_PRICE: Final = 8
MAX_TEXT_CHARS: Final = 512
MAX_ITEMS: Final = 500
_PRICES: Final = (
    (1, re.compile(r"\+")),
    (3, re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter|optMap|optFlatMap)\s*\(")),
    (5, re.compile(r"\.\s*(?:replace|join|format)\s*\(")),
)
_NO_CODE: Final = re.compile(
    r"""
    //[^\n]*                                        # a comment
    | `[^`\n]*`                                     # a name in quotes, in which // begins no comment
    | (?<!\w)[bB]?[rR] (?: \"""(?s:.*?)\""" | '''(?s:.*?)''' | "[^"\r\n]*" | '[^'\r\n]*' )  # raw: no escapes
    | \"""(?s:\\.|[^\\])*?\""" | '''(?s:\\.|[^\\])*?''' | "(?:\\.|[^"\\\r\n])*" | '(?:\\.|[^'\\\r\n])*'
    """,
    re.VERBOSE,
)
"""What has no price: as CEL's own lexer sees it, or code could be hidden between what looks like two strings.
https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax"""
_INT64: Final = 1 << 63
VARIABLES: Final = ("req", "headers", "res", "claims", "vars")


def check_expression(expression: str) -> None:
    """Raise Refusal for what can never be evaluated: a mistake of the receiver, and not of its sender."""
    _program(expression)


def evaluate_bool(expression: str, known: Mapping[str, Any]) -> bool:
    """Return whether an expression holds. Raises Refusal: no answer for this request, or none that is true or false."""
    answer = evaluate(expression, known)
    if not isinstance(answer, bool):
        raise malformed(f"the expression {_shown(expression)} is neither true nor false for this request")
    return answer


def evaluate_texts(expression: str, known: Mapping[str, Any]) -> list[str]:
    """Return the texts that an expression gives, for a single one a list of it; empty texts are left out.

    Raises Refusal: no answer for this request, or another one than text or a list of texts.
    """
    answer = evaluate(expression, known)
    texts = answer if isinstance(answer, list) else [] if answer is None else [answer]
    if not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in texts) or len(texts) > MAX_EVENTS:
        raise malformed(f"the expression {_shown(expression)} gives no short text, and no list of them")
    return [text for text in texts if text]


def evaluate(expression: str, known: Mapping[str, Any]) -> Any:
    """Return the value of an expression. known: of `VARIABLES`; those that are left out are empty. Raises Refusal."""
    data = {name: _bounded(known.get(name, {}), MAX_DEPTH + 2) for name in VARIABLES}
    program = _program(expression)
    try:
        answer = program.eval(data=data)
        failed = answer.type() == _cel().Type.ERROR
        value = None if failed else answer.plain_value()
    except (RuntimeError, ValueError, TypeError):
        failed, value = True, None
    if failed:
        raise malformed(f"the expression {_shown(expression)} has no value for this request")
    return value


def _bounded(value: Any, depth: int) -> Any:
    """Return a value that the library can take: short texts and lists, numbers of 64 bits, no half characters."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode() if len(value) <= MAX_TEXT_CHARS else None
        case dict() if depth and len(value) <= MAX_ITEMS:
            return {_bounded(name, 1): _bounded(item, depth - 1) for name, item in value.items()}
        case list() if depth and len(value) <= MAX_ITEMS:
            return [_bounded(item, depth - 1) for item in value]
        case int() if not isinstance(value, bool):
            return value if -_INT64 <= value < _INT64 else float(value) if abs(value) < 1 << 1000 else None
        case bool() | float() | None:
            return value
    return None


def _cel() -> Any:
    from cel_expr_python import cel  # type: ignore[import-untyped]  # noqa: PLC0415

    return cel


@lru_cache(maxsize=1)
def _environment() -> Any:
    from cel_expr_python.ext import ext_optional, ext_strings  # type: ignore[import-untyped]  # noqa: PLC0415

    cel = _cel()
    return cel.NewEnv(
        variables=dict.fromkeys(VARIABLES, cel.Type.DYN),
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
    )


@lru_cache(maxsize=256)
def _program(expression: str) -> Any:
    if len(expression) > MAX_CHARS or _price(expression) > MAX_PRICE:
        raise not_configured(
            f"the expression {_shown(expression)} may cost too much: at most {MAX_CHARS} characters, and {MAX_PRICE} "
            "points, of which + is 1, a loop 3, and replace, join or format 5"
        )
    try:
        return _environment().compile(expression)
    except (RuntimeError, ValueError, TypeError) as error:
        raise not_configured(f"the expression {_shown(expression)} is invalid: {sanitize(str(error))}") from None


def _price(expression: str) -> int:
    code = _NO_CODE.sub(" ", expression)
    return sum(each * len(pattern.findall(code)) for each, pattern in _PRICES)


def _shown(expression: str) -> str:
    return f"`{sanitize(expression)}`"
