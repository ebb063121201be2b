"""What is wrong with a text that is not JSON, in the words of Go's `encoding/json`.

Used only after decoding has failed. Follows the states of Go's `scanner.go`; the text is read byte by byte, as there.
"""

import re

from controllers.golang.quote import quote
from controllers.template.go import gotext

END = "unexpected end of JSON input"
_SPACE = re.compile(rb"[ \t\r\n]*")
_LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_VALUE, _KEY, _KEY_OR_END, _COLON, _AFTER_MEMBER, _ITEM_OR_END, _AFTER_ITEM = range(7)
_EXPECTATIONS = {
    _VALUE: "looking for beginning of value",
    _KEY: "looking for beginning of object key string",
    _KEY_OR_END: "looking for beginning of object key string",
    _COLON: "after object key",
    _AFTER_MEMBER: "after object key:value pair",
    _ITEM_OR_END: "looking for beginning of value",
    _AFTER_ITEM: "after array element",
}


class _SyntaxError(Exception):
    """Carries the message to the caller."""


def syntax_error(text: str) -> str:
    """Return the message about the first wrong byte of `text`; empty when there is none. Linear."""
    try:
        _Reader(gotext.encode(text)).read()
    except _SyntaxError as error:
        return str(error)
    return ""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._open: list[int] = []
        """What each open object or list expects next."""

    def read(self) -> None:
        waits = _VALUE
        while True:
            self._skip_space()
            waits = self._step(waits)
            if not self._open and waits != _VALUE:
                break
        self._skip_space()
        if self._at < len(self._data):
            self._refuse("after top-level value")

    def _step(self, waits: int) -> int:
        """Read one token; return what is expected next, -1 after a value at the top."""
        char = self._next(_EXPECTATIONS[waits])
        if waits in (_VALUE, _ITEM_OR_END) and char != ord("]"):
            return self._value(char, waits)
        if waits in (_KEY, _KEY_OR_END) and char == ord('"'):
            self._string()
            return _COLON
        if waits == _COLON and char == ord(":"):
            self._open[-1] = _AFTER_MEMBER
            return _VALUE
        if waits in (_AFTER_MEMBER, _AFTER_ITEM) and char == ord(","):
            return _KEY if waits == _AFTER_MEMBER else _VALUE
        closes = {_KEY_OR_END: "}", _AFTER_MEMBER: "}", _ITEM_OR_END: "]", _AFTER_ITEM: "]"}.get(waits)
        if closes is not None and char == ord(closes):
            self._open.pop()
            return self._after()
        self._at -= 1
        return self._refuse(_EXPECTATIONS[waits])

    def _after(self) -> int:
        return self._open[-1] if self._open else -1

    def _value(self, char: int, waits: int) -> int:
        if waits == _ITEM_OR_END:
            self._open[-1] = _AFTER_ITEM
        if char in b"{[":
            waits = _KEY_OR_END if char == ord("{") else _ITEM_OR_END
            self._open.append(waits)
            return waits
        if char == ord('"'):
            self._string()
        elif char in b"-0123456789":
            self._number(char)
        elif char in _LITERALS:
            word = _LITERALS[char].decode()
            for wanted in word[1:]:
                where = f"in literal {word} (expecting {_quoted(ord(wanted))})"
                self._expect(wanted.encode(), where)
        else:
            self._at -= 1
            self._refuse(_EXPECTATIONS[_VALUE])
        return self._after()

    def _string(self) -> None:
        while (char := self._next("in string literal")) != ord('"'):
            if char < ord(" "):
                self._at -= 1
                self._refuse("in string literal")
            if char == ord("\\") and self._expect(b'bfnrt\\/"u', "in string escape code") == ord("u"):
                for _ in range(4):
                    self._expect(b"0123456789abcdefABCDEF", "in \\u hexadecimal character escape")

    def _number(self, char: int) -> None:
        if char == ord("-"):
            char = self._expect(b"0123456789", "in numeric literal")
        if char != ord("0"):
            self._digits()
        if self._peek() == ord("."):
            self._at += 1
            self._expect(b"0123456789", "after decimal point in numeric literal")
            self._digits()
        if self._peek() in (ord("e"), ord("E")):
            self._at += 1
            if self._peek() in (ord("+"), ord("-")):
                self._at += 1
            self._expect(b"0123456789", "in exponent of numeric literal")
            self._digits()

    def _digits(self) -> None:
        while self._peek() in range(ord("0"), ord("9") + 1):
            self._at += 1

    def _peek(self) -> int:
        return self._data[self._at] if self._at < len(self._data) else -1

    def _next(self, where: str) -> int:
        if self._at == len(self._data):
            self._refuse(where)
        self._at += 1
        return self._data[self._at - 1]

    def _expect(self, allowed: bytes, where: str) -> int:
        if self._at == len(self._data):  # Go checks whether a space would do
            raise _SyntaxError(f"invalid character ' ' {where}")
        if self._peek() not in allowed:
            self._refuse(where)
        return self._next(where)

    def _skip_space(self) -> None:
        space = _SPACE.match(self._data, self._at)
        assert space is not None
        self._at = space.end()

    def _refuse(self, where: str) -> int:
        if self._at == len(self._data):
            raise _SyntaxError(END)
        raise _SyntaxError(f"invalid character {_quoted(self._data[self._at])} {where}")


def _quoted(char: int) -> str:
    if char == ord("'"):
        return "'\\''"
    if char == ord('"'):
        return "'\"'"
    return f"'{quote(chr(char))[1:-1]}'"
