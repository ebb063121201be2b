"""Cut the source of a template into tokens, trim white space at `{{-` and `-}}`, and drop comments.

The language: https://pkg.go.dev/text/template. An ERROR token carries Go's message and is the last one.
"""

from dataclasses import dataclass
from enum import Enum, auto

from controllers.golang.quote import quote
from controllers.template.go.gotext import is_word

LEFT, RIGHT, COMMENT_START, COMMENT_END = "{{", "}}", "/*", "*/"
SPACE_CHARS = " \t\r\n"


class TokenKind(Enum):
    """What a token is."""

    ERROR = auto()
    EOF = auto()
    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    PIPE = auto()
    OPEN = auto()
    CLOSE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    CHAR = auto()
    BOOL = auto()
    CHARACTER = auto()
    COMPLEX = auto()
    NUMBER = auto()
    STRING = auto()
    FIELD = auto()
    VARIABLE = auto()
    IDENTIFIER = auto()
    DOT = auto()
    NIL = auto()
    KEYWORD = auto()


OPERANDS = frozenset(
    {
        TokenKind.BOOL,
        TokenKind.CHARACTER,
        TokenKind.COMPLEX,
        TokenKind.NUMBER,
        TokenKind.STRING,
        TokenKind.FIELD,
        TokenKind.VARIABLE,
        TokenKind.IDENTIFIER,
        TokenKind.DOT,
        TokenKind.NIL,
        TokenKind.OPEN,
    }
)
KEYWORDS = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})
_SINGLE = {"=": TokenKind.ASSIGN, "|": TokenKind.PIPE, "(": TokenKind.OPEN, ")": TokenKind.CLOSE}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of source: where it starts, its text (a message for ERROR) and its line."""

    kind: TokenKind
    at: int
    text: str
    line: int

    def is_keyword(self, word: str) -> bool:
        """Return True for this keyword."""
        return self.kind is TokenKind.KEYWORD and self.text == word

    def __str__(self) -> str:
        if self.kind is TokenKind.EOF:
            return "EOF"
        if self.kind is TokenKind.ERROR:
            return self.text
        if self.kind in (TokenKind.KEYWORD, TokenKind.NIL, TokenKind.DOT):
            return f"<{self.text}>"
        return (
            quote(self.text[:10]) + "..." if len(self.text.encode("utf-8", "surrogatepass")) > 10 else quote(self.text)
        )


class Lexer:
    """Tokens on demand; after an ERROR token only EOF follows."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._line = 1
        self._inside = False
        self._depth = 0

    def next(self) -> Token:
        """Return the next token."""
        return self._action() if self._inside else self._outside()

    # Tokens

    def _take(self, kind: TokenKind, end: int) -> Token:
        token = Token(kind, self._at, self._source[self._at : end], self._line)
        self._skip_to(end)
        return token

    def _skip_to(self, end: int) -> None:
        self._line += self._source.count("\n", self._at, end)
        self._at = end

    def _fail(self, message: str) -> Token:
        token = Token(TokenKind.ERROR, self._at, message, self._line)
        self._source, self._at, self._inside = "", 0, False
        return token

    def _peek(self, at: int) -> str:
        return self._source[at : at + 1]

    # Outside actions

    def _outside(self) -> Token:
        while True:
            start = self._at
            left = self._source.find(LEFT, start)
            if left < 0:
                if start < len(self._source):
                    return self._take(TokenKind.TEXT, len(self._source))
                return Token(TokenKind.EOF, start, "EOF", self._line)
            end = left
            if self._trims_left(left + len(LEFT)):
                end = start + len(self._source[start:left].rstrip(SPACE_CHARS))
            if end > start:
                token = self._take(TokenKind.TEXT, end)
                self._skip_to(left)
                return token
            self._skip_to(left)
            body = left + len(LEFT) + (2 if self._trims_left(left + len(LEFT)) else 0)
            if not self._source.startswith(COMMENT_START, body):
                token = self._take(TokenKind.LEFT, left + len(LEFT))
                self._skip_to(body)
                self._inside, self._depth = True, 0
                return token
            error = self._comment(body)
            if error is not None:
                return error

    def _trims_left(self, at: int) -> bool:
        return self._source[at : at + 1] == "-" and self._peek(at + 1) in tuple(SPACE_CHARS)

    def _comment(self, start: int) -> Token | None:
        self._skip_to(start)
        close = self._source.find(COMMENT_END, start + len(COMMENT_START))
        if close < 0:
            return self._fail("unclosed comment")
        end = close + len(COMMENT_END)
        closing, trims = self._closing(end)
        if not closing:
            return self._fail("comment ends before closing delimiter")
        self._leave(end, trims=trims)
        return None

    def _closing(self, at: int) -> tuple[bool, bool]:
        """Return whether there is a right delimiter here, and whether it trims."""
        if self._peek(at) in tuple(SPACE_CHARS) and self._source.startswith("-" + RIGHT, at + 1):
            return True, True
        return self._source.startswith(RIGHT, at), False

    def _leave(self, at: int, *, trims: bool) -> None:
        end = at + (2 if trims else 0) + len(RIGHT)
        while trims and self._peek(end) in tuple(SPACE_CHARS):
            end += 1
        self._skip_to(end)

    # Inside actions

    def _action(self) -> Token:
        closing, trims = self._closing(self._at)
        if closing:
            if self._depth:
                return self._fail("unclosed left paren")
            return self._right(trims=trims)
        char = self._peek(self._at)
        if not char:
            return self._fail("unclosed action")
        if char in SPACE_CHARS:
            return self._spaces()
        if char in _SINGLE or char == ":":
            return self._mark(char)
        if char in "\"'`":
            return self._quoted(char)
        if char == "$" or (char == "." and not "0" <= (self._peek(self._at + 1) or "0") <= "9"):
            return self._field(char)
        if char in "+-." or "0" <= char <= "9":
            return self._number()
        if is_word(char):
            return self._word()
        if " " < char < "\x7f":
            return self._take(TokenKind.CHAR, self._at + 1)
        return self._fail(f"unrecognized character in action: {describe(char)}")

    def _right(self, *, trims: bool) -> Token:
        if trims:
            self._skip_to(self._at + 2)
        token = Token(TokenKind.RIGHT, self._at, RIGHT, self._line)
        self._leave(self._at - (2 if trims else 0), trims=trims)
        self._inside = False
        return token

    def _spaces(self) -> Token:
        end = self._at
        while self._peek(end) in tuple(SPACE_CHARS):
            end += 1
        if self._source.startswith("-" + RIGHT, end):  # the last space belongs to the delimiter
            end -= 1
            if end == self._at:
                return self._right(trims=True)
        return self._take(TokenKind.SPACE, end)

    def _mark(self, char: str) -> Token:
        if char == ":":
            declares = self._peek(self._at + 1) == "="
            return self._take(TokenKind.DECLARE, self._at + 2) if declares else self._fail("expected :=")
        self._depth += {"(": 1, ")": -1}.get(char, 0)
        if self._depth < 0:
            self._skip_to(self._at + 1)
            return self._fail("unexpected right paren")
        return self._take(_SINGLE[char], self._at + 1)

    def _quoted(self, mark: str) -> Token:
        end = self._at + 1
        what = {'"': "quoted string", "'": "character constant", "`": "raw quoted string"}[mark]
        while self._peek(end) != mark:
            if mark != "`" and self._peek(end) == "\\":
                end += 1
            if not self._peek(end) or (mark != "`" and self._peek(end) == "\n"):
                return self._fail(f"unterminated {what}")
            end += 1
        return self._take(TokenKind.CHARACTER if mark == "'" else TokenKind.STRING, end + 1)

    def _field(self, mark: str) -> Token:
        end = self._at + 1
        if self._ends_word(end):
            return self._take(TokenKind.VARIABLE if mark == "$" else TokenKind.DOT, end)
        while is_word(self._peek(end) or " "):
            end += 1
        if not self._ends_word(end):
            return self._fail(f"bad character {describe(self._peek(end))}")
        return self._take(TokenKind.VARIABLE if mark == "$" else TokenKind.FIELD, end)

    def _word(self) -> Token:
        end = self._at
        while is_word(self._peek(end) or " "):
            end += 1
        if not self._ends_word(end):
            return self._fail(f"bad character {describe(self._peek(end))}")
        word = self._source[self._at : end]
        if word in KEYWORDS:
            return self._take(TokenKind.KEYWORD, end)
        if word in ("true", "false"):
            return self._take(TokenKind.BOOL, end)
        return self._take(TokenKind.NIL if word == "nil" else TokenKind.IDENTIFIER, end)

    def _ends_word(self, at: int) -> bool:
        char = self._peek(at)
        return not char or char in SPACE_CHARS + ".,|:)(" or self._source.startswith(RIGHT, at)

    def _number(self) -> Token:
        end, good = self._scan_number(self._at)
        kind = TokenKind.NUMBER
        if good and self._peek(end) in ("+", "-"):
            end, good = self._scan_number(end)
            good = good and self._source[end - 1] == "i"
            kind = TokenKind.COMPLEX
        if not good:
            return self._fail(f"bad number syntax: {quote(self._source[self._at : end])}")
        return self._take(kind, end)

    def _scan_number(self, at: int) -> tuple[int, bool]:
        end = at + (self._peek(at) in ("+", "-"))
        digits = "0123456789_"
        if self._peek(end) == "0":
            end += 1
            prefix = self._peek(end)
            for marks, allowed in (("xX", "0123456789abcdefABCDEF_"), ("oO", "01234567_"), ("bB", "01_")):
                if prefix and prefix in marks:
                    digits = allowed
                    end += 1
        end = self._run(end, digits)
        if self._peek(end) == ".":
            end = self._run(end + 1, digits)
        exponents = {11: "eE", 23: "pP"}.get(len(digits), "")
        if self._peek(end) and self._peek(end) in exponents:
            end += 1
            end += self._peek(end) in ("+", "-")
            end = self._run(end, "0123456789_")
        end += self._peek(end) == "i"
        if is_word(self._peek(end) or " "):
            return end + 1, False
        return end, True

    def _run(self, at: int, allowed: str) -> int:
        while self._peek(at) and self._peek(at) in allowed:
            at += 1
        return at


def describe(char: str) -> str:
    """Return a character as Go's `%#U` prints it; the end of the source is U+FFFFFFFFFFFFFFFF there, too."""
    if not char:
        return "U+FFFFFFFFFFFFFFFF"
    note = f" '{char}'" if char.isprintable() else ""
    return f"U+{ord(char):04X}{note}"
