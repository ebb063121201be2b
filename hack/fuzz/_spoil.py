"""Small changes to bytes that were sound."""

import json
import random
from collections.abc import Sequence
from typing import Any

DIGITS = b"9" * 5000
DEEP = b"[" * 2000
ANY: Sequence[bytes] = (
    *(
        b"\0",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b'"',
        b"\\",
        b",",
        b";",
        b"=",
        b":",
        b"@",
        b"/",
        b"?",
        b"#",
        b"%",
        b"<",
        b">",
    ),
    *("é".encode(), "€".encode(), "\u202e".encode(), "\ud800".encode("utf-8", "surrogatepass"), b"\xff\xfe"),
    *(b"-1", b"0", DIGITS, b"1e999", b"NaN", b"Infinity", b"null", b"true", b"{}", b"[]", b'""', DEEP, b'{"a":' * 2000),
)
VALUES: Sequence[Any] = (
    *(None, True, 0, -1, 1 << 63, 1 << 64, 10**30, 1.5, 1e308, "", "x", "\0", "€", "\u202e", "x" * 5000, [], {}),
    *([[]], [None], {"": None}, ["x"] * 300, "9" * 5000, "1" * 20),
    *("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2024-01-01T00:00:00+99:99", "../..", "sha256:"),
)


def spoil(rng: random.Random, data: bytes, tokens: Sequence[bytes] = ANY) -> bytes:
    """Insert, drop, repeat or flip some bytes."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        match rng.randrange(5):
            case 0:
                data = data[:at] + rng.choice(tokens) + data[at:]
            case 1:
                data = data[:at] + data[at + rng.choice((1, 1, 2, 8, 40)) :]
            case 2:
                data = data[:at] + data[at : at + 20] * rng.choice((2, 3, 200)) + data[at + 20 :]
            case 3 if data:
                at %= len(data)
                data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
            case _:
                data = data[:at]
    return data


def spoil_json(rng: random.Random, value: Any) -> bytes:
    """Return a document in which a value or a name is another, or which is spoilt as bytes."""
    if rng.random() < 0.4:
        return spoil(rng, json.dumps(value).encode())
    for _ in range(rng.randint(1, 3)):
        value = _with_another(rng, value)
    text = json.dumps(value).encode()
    # What json does not write: numbers and brackets beyond reason.
    return text.replace(b'"x"', rng.choice((DIGITS, b"1e999", b"-" + DIGITS, DEEP + b"]" * 2000, b'"x"')))


def _with_another(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(list(value))
        return {**value, rng.choice((name, name, name.upper(), "x")): _with_another(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], _with_another(rng, value[at]), *value[at + 1 :]]
    return rng.choice(VALUES)
