"""The flags that say how an SSH key comes about."""

from collections.abc import Sequence
from typing import Any, Final

from cli.grammar.flags import Flag, Int, InvalidArgument, Words, text
from controllers.golang.quote import quote_bytes

_ALGORITHMS: Final = ("rsa", "ecdsa", "ed25519")
_CURVES: Final = ("p256", "p384", "p521")
_MIN_BITS: Final = 1024
_MAX_BITS: Final = 16384
"""More take minutes to make, and no Git host takes them."""


class KnownWords(Words):
    """One of some words, with a text of its own for none."""

    def __init__(self, words: Sequence[str], refusal: str, *, empty: str) -> None:
        super().__init__(words, refusal)
        self._empty = empty

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if not value:
            raise InvalidArgument(value, self._empty)
        return super().convert(value, param, ctx)


class RsaBits(Int):
    """The size of an RSA key."""

    name = "rsaKeyBits"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        digits = value[1:] if value[:1] in ("+", "-") else value
        if not (digits.isascii() and digits.isdecimal()):
            raise InvalidArgument(value, f"strconv.Atoi: parsing {quote_bytes(value)}: invalid syntax")
        if len(digits) > 18:
            raise InvalidArgument(value, f"strconv.Atoi: parsing {quote_bytes(value)}: value out of range")
        bits = int(value)
        if bits < _MIN_BITS:
            raise InvalidArgument(value, f"RSA key bit size must be at least {_MIN_BITS}")
        if bits % 8:
            raise InvalidArgument(value, "RSA key bit size must be a multiples of 8")
        if bits > _MAX_BITS:
            raise InvalidArgument(value, f"RSA key bit size must be at most {_MAX_BITS}")
        return bits


SSH_FLAGS: Final = (
    text("--private-key-file", help="file with the private key for SSH; without it one is made"),
    text(
        "--ssh-key-algorithm",
        help="kind of the key that is made",
        default="ecdsa",
        type=KnownWords(
            _ALGORITHMS,
            "unsupported public key algorithm '{value}', must be one of: {words}",
            empty=f"no public key algorithm given, must be one of: {', '.join(_ALGORITHMS)}",
        ),
    ),
    Flag("--ssh-rsa-bits", type=RsaBits(), default=2048, help="size of an RSA key that is made, a multiple of 8"),
    text(
        "--ssh-ecdsa-curve",
        help="curve of an ECDSA key that is made",
        default="p384",
        type=Words(_CURVES, "unsupported curve '{value}', must be one of: {words}"),
    ),
)
