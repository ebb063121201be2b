"""Numbers as Go's ParseFloat reads them, and as FormatFloat writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.golang.floats import SHORTEST, format_float, parse_float


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("+5", 5.0, id="sign"),
        pytest.param(".5", 0.5, id="no-integer-part"),
        pytest.param("5.", 5.0, id="no-fraction"),
        pytest.param("1E-3", 0.001, id="exponent"),
        pytest.param("1_000.5_0", 1000.5, id="underscores"),
        pytest.param("0x1p4", 16.0, id="hexadecimal"),
        pytest.param("0X_1_0.8P-1", 8.25, id="hexadecimal-with-underscores"),
        pytest.param("Infinity", math.inf, id="infinity"),
        pytest.param("-inf", -math.inf, id="minus-inf"),
        pytest.param("1e-400", 0.0, id="underflow-is-zero"),
        pytest.param("0e999999", 0.0, id="zero-with-a-great-exponent"),
        pytest.param("9007199254740993", 9007199254740992.0, id="rounds-to-even"),
        pytest.param("1" * 5000 + "e-4999", 1.1111111111111112, id="very-many-digits"),
    ],
)
def test_numbers(text: str, number: float) -> None:
    assert parse_float(text) == number


@pytest.mark.parametrize("text", ["nan", "NaN"])
def test_nan(text: str) -> None:
    assert math.isnan(parse_float(text) or 0)


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "1\n", "1a", ".", "e5", "1e", "1e+", "--1"),
        *("_1", "1_", "1__0", "1_.5", "1._5", "1_e5", "1e_5"),
        *("0x10", "0x", "0xp1", "0x1p", "0x1_p1", "0x1pa", "0x1.p"),
        *("+nan", "infin", "1e400", "-1e400", "0x1p1024", "٣", "ſ", "ınf", "1,5"),
    ],
)
def test_not_numbers(text: str) -> None:
    assert parse_float(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_reads_back(number: float) -> None:
    assert parse_float(repr(number)) == number
    assert parse_float(number.hex()) == number


@pytest.mark.parametrize(
    ("number", "verb", "precision", "text"),
    [
        pytest.param(1e20, "f", SHORTEST, "100000000000000000000", id="f"),
        pytest.param(2.5, "f", 0, "2", id="f-half-to-even"),
        pytest.param(-0.0, "f", 2, "-0.00", id="f-minus-zero"),
        pytest.param(1234567.0, "e", SHORTEST, "1.234567e+06", id="e"),
        pytest.param(1234567.0, "E", 2, "1.23E+06", id="e-upper"),
        pytest.param(123456.0, "g", SHORTEST, "123456", id="g-plain"),
        pytest.param(1234567.0, "g", SHORTEST, "1.234567e+06", id="g-exponent"),
        pytest.param(0.00001, "g", SHORTEST, "1e-05", id="g-small"),
        pytest.param(999999.5, "g", 6, "1e+06", id="g-rounds-up"),
        pytest.param(1.0, "b", SHORTEST, "4503599627370496p-52", id="b"),
        pytest.param(5e-324, "b", SHORTEST, "1p-1074", id="b-subnormal"),
        pytest.param(-0.0, "b", SHORTEST, "-0p-1074", id="b-minus-zero"),
        pytest.param(0.1, "x", SHORTEST, "0x1.999999999999ap-04", id="x"),
        pytest.param(5e-324, "x", SHORTEST, "0x1p-1074", id="x-subnormal"),
        pytest.param(123456.0, "x", 17, "0x1.e2400000000000000p+16", id="x-long"),
        pytest.param(1.96875, "X", 1, "0X1.0P+01", id="x-rounds-up"),
        pytest.param(0.0, "x", 2, "0x0.00p+00", id="x-zero"),
        pytest.param(math.inf, "g", SHORTEST, "+Inf", id="inf"),
        pytest.param(-math.inf, "e", 3, "-Inf", id="minus-inf"),
        pytest.param(math.nan, "f", SHORTEST, "NaN", id="nan"),
    ],
)
def test_text_forms(number: float, verb: str, precision: int, text: str) -> None:
    assert format_float(number, verb, precision) == text
