"""Sprig's numbers: conversion (by the rules of the Go package `cast`), integer arithmetic in int64, decimals, ranges.

Reference: https://masterminds.github.io/sprig/math.html and https://masterminds.github.io/sprig/integer_slice.html.
"""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal

from controllers.golang.floats import SHORTEST, format_float, parse_float
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go import printing
from controllers.template.go.types import ANY, FLOAT64, INT, INT_SLICE, STRING
from controllers.template.go.values import Int64, Slice
from controllers.template.syntax.numbers import parse_int64, truncate, wrap64

LIBRARY = Library()
_EXACT = Context(prec=2_000, Emax=999_999, Emin=-999_999, traps=[])
_DIVISION = Decimal("1e-16")
"""The decimal library behind sprig divides to 16 places."""


def to_int(value: object) -> int:
    """Return the int64 that sprig makes of anything: 0 where it cannot."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return wrap64(int(value)) if _is_plain_number(value) else 0
    if isinstance(value, float):
        return truncate(value) if math.isfinite(value) else truncate(math.inf)
    if isinstance(value, str):
        return parse_int64(_without_zero_decimals(value)) or 0
    return 0


def _is_plain_number(value: int) -> bool:
    return getattr(type(value), "counts_as_number", True)


def _without_zero_decimals(text: str) -> str:
    head, dot, tail = text.rpartition(".")
    return head if dot and tail and not tail.strip("0") else text


def to_float(value: object) -> float:
    """Return the float64 that sprig makes of anything: 0 where it cannot."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int):
        return float(value) if _is_plain_number(value) else 0.0
    if isinstance(value, float):
        return value
    number = parse_float(value) if isinstance(value, str) else None
    return 0.0 if number is None else number


@LIBRARY.add("int", ANY)
def _int(run: RenderContext, value: object) -> int:
    return to_int(value)


@LIBRARY.add("int64", ANY)
def _int64(run: RenderContext, value: object) -> Int64:
    return Int64(to_int(value))


@LIBRARY.add("float64", ANY)
def _float64(run: RenderContext, value: object) -> float:
    return to_float(value)


@LIBRARY.add("atoi", STRING)
def _atoi(run: RenderContext, text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 400:
        return 0
    value = -int(digits) if text[0] == "-" else int(digits)
    return max(-(1 << 63), min(value, (1 << 63) - 1))


@LIBRARY.add("toDecimal", ANY)
def _to_decimal(run: RenderContext, value: object) -> Int64:
    text = printing.to_text(value, run.budget)
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits or len(digits) > 22 or digits.strip("01234567"):
        return Int64(0)
    number = -int(digits, 8) if text[0] == "-" else int(digits, 8)
    return Int64(number if -(1 << 63) <= number < 1 << 63 else 0)


# Integers


@LIBRARY.add("add", ANY, variadic=True)
def _add(run: RenderContext, *values: object) -> Int64:
    return Int64(wrap64(sum(map(to_int, values))))


@LIBRARY.add("add1", ANY)
def _add1(run: RenderContext, value: object) -> Int64:
    return Int64(wrap64(to_int(value) + 1))


@LIBRARY.add("sub", ANY, ANY)
def _sub(run: RenderContext, left: object, right: object) -> Int64:
    return Int64(wrap64(to_int(left) - to_int(right)))


@LIBRARY.add("mul", ANY, ANY, variadic=True)
def _mul(run: RenderContext, first: object, *others: object) -> Int64:
    product = to_int(first)
    for other in others:
        product = wrap64(product * to_int(other))
    return Int64(product)


@LIBRARY.add("div", ANY, ANY)
def _div(run: RenderContext, left: object, right: object) -> Int64:
    return Int64(wrap64(_quotient(to_int(left), to_int(right))))


@LIBRARY.add("mod", ANY, ANY)
def _mod(run: RenderContext, left: object, right: object) -> Int64:
    dividend, divisor = to_int(left), to_int(right)
    return Int64(dividend - divisor * _quotient(dividend, divisor))


def _quotient(dividend: int, divisor: int) -> int:
    """Divide towards zero."""
    if divisor == 0:
        raise FunctionFailure("runtime error: integer divide by zero")
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


@LIBRARY.add("max biggest", ANY, ANY, variadic=True)
def _max(run: RenderContext, *values: object) -> Int64:
    return Int64(max(map(to_int, values)))


@LIBRARY.add("min", ANY, ANY, variadic=True)
def _min(run: RenderContext, *values: object) -> Int64:
    return Int64(min(map(to_int, values)))


# Floats


def _extreme(values: tuple[object, ...], choose: Callable[..., float]) -> float:
    numbers = [to_float(value) for value in values]
    return math.nan if any(map(math.isnan, numbers)) else choose(numbers)


@LIBRARY.add("maxf", ANY, ANY, variadic=True)
def _maxf(run: RenderContext, *values: object) -> float:
    return _extreme(values, max)


@LIBRARY.add("minf", ANY, ANY, variadic=True)
def _minf(run: RenderContext, *values: object) -> float:
    return _extreme(values, min)


@LIBRARY.add("floor", ANY)
def _floor(run: RenderContext, value: object) -> float:
    number = to_float(value)
    return math.copysign(math.floor(number), number) if math.isfinite(number) else number


@LIBRARY.add("ceil", ANY)
def _ceil(run: RenderContext, value: object) -> float:
    number = to_float(value)
    return math.copysign(math.ceil(number), number) if math.isfinite(number) else number


@LIBRARY.add("round", ANY, INT, FLOAT64, variadic=True)
def _round(run: RenderContext, value: object, places: int, *threshold: float) -> float:
    try:
        power = math.pow(10, places)
    except OverflowError:
        power = math.inf
    scaled = power * to_float(value)
    if not math.isfinite(scaled) or power == 0:
        return math.nan if math.isnan(scaled) or power == 0 or math.isinf(power) else scaled
    fraction = math.modf(scaled)[0]
    return (math.ceil(scaled) if fraction >= (threshold[0] if threshold else 0.5) else math.floor(scaled)) / power


def _decimal(value: object) -> Decimal:
    number = to_float(value)
    if not math.isfinite(number):
        raise FunctionFailure(f"Cannot create a Decimal from {format_float(number, 'g', SHORTEST)}")
    return Decimal(repr(number))


def _fold(
    run: RenderContext, first: Decimal, others: tuple[object, ...], operation: Callable[[Decimal, Decimal], Decimal]
) -> float:
    result = first
    for other in others:
        run.budget.spend(1 + len(result.as_tuple().digits) // 8)
        result = operation(result, _decimal(other))
    return float(result) + 0.0  # a decimal has no negative zero


@LIBRARY.add("addf", ANY, variadic=True)
def _addf(run: RenderContext, *values: object) -> float:
    return _fold(run, Decimal(0), values, _EXACT.add)


@LIBRARY.add("add1f", ANY)
def _add1f(run: RenderContext, value: object) -> float:
    return _fold(run, _decimal(value), (1,), _EXACT.add)


@LIBRARY.add("subf", ANY, ANY, variadic=True)
def _subf(run: RenderContext, first: object, *others: object) -> float:
    return _fold(run, _decimal(first), others, _EXACT.subtract)


@LIBRARY.add("mulf", ANY, ANY, variadic=True)
def _mulf(run: RenderContext, first: object, *others: object) -> float:
    return _fold(run, _decimal(first), others, _EXACT.multiply)


@LIBRARY.add("divf", ANY, ANY, variadic=True)
def _divf(run: RenderContext, first: object, *others: object) -> float:
    return _fold(run, _decimal(first), others, _divide)


def _divide(dividend: Decimal, divisor: Decimal) -> Decimal:
    if not divisor:
        raise FunctionFailure("decimal division by 0")
    return _EXACT.divide(dividend, divisor).quantize(_DIVISION, ROUND_HALF_UP, context=_EXACT)


# Ranges


@LIBRARY.add("until", INT)
def _until(run: RenderContext, stop: int) -> Slice:
    return Slice(INT_SLICE, list(_steps(run, 0, stop, -1 if stop < 0 else 1)))


@LIBRARY.add("untilStep", INT, INT, INT)
def _until_step(run: RenderContext, start: int, stop: int, step: int) -> Slice:
    return Slice(INT_SLICE, list(_steps(run, start, stop, step)))


@LIBRARY.add("seq", INT, variadic=True)
def _seq(run: RenderContext, *bounds: int) -> str:
    if not 1 <= len(bounds) <= 3:
        return ""
    start, stop = (1 if len(bounds) == 1 else bounds[0]), bounds[-1]
    direction = -1 if stop < start else 1
    step = bounds[1] if len(bounds) == 3 else direction
    if direction < 0 < step:
        return ""
    return " ".join(map(str, _steps(run, start, stop + direction, step)))


def _steps(run: RenderContext, start: int, stop: int, step: int) -> range:
    """Return the numbers from `start` towards `stop`; none where the step is 0 or leads away."""
    count = max(0, -((start - stop) // step)) if step else 0
    run.budget.grow(8 * count)
    return range(start, stop, step) if count else range(0)
