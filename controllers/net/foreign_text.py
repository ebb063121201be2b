"""Text of somebody else in our own messages: a server's answer, a proxy's refusal, a library's complaint."""

from typing import Final

MAX_CHARS: Final = 256


def sanitize(text: str | bytes) -> str:
    """Return `text` as one printable line of at most 256 characters; what is cut ends in `…`.

    White space becomes one blank, and so does each character that cannot be printed. Bytes are read as UTF-8, faulty
    ones replaced. Of a long text only the beginning is read.
    """
    start = text[: 8 * MAX_CHARS]
    if isinstance(start, bytes):
        start = start.decode("utf-8", "replace")
    line = "".join([char if char.isprintable() else " " for char in " ".join(start.split())]).strip()
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 1] + "…"
