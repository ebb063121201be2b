"""Find the scalars of a file that are marked, their setters, and where exactly they stand.

One pass over the parser's events (`scanner`), with the comments found in the gaps between them (`comments`,
`head_comments`). Only values count, not keys, aliases or empty values; of a repeated key only the first. Follows Flux's
setters filter over kyaml, except that it reads a stream as YAML defines it (kyaml cuts it at lines that begin with
`---`).

Nothing is written here, and policies play no part: whether a setter has a value is for `splice` to check.
"""

from controllers.setters.errors import Unparsable
from controllers.setters.marker import MarkerScan
from controllers.setters.parser import walk_events
from controllers.setters.scanner import Scanner

BOM = "\ufeff"


def find_markers(data: bytes) -> MarkerScan:
    """Return the markers of one file. Linear in its size. Raises Unparsable for a file whose markers cannot count.

    Such are files that are not YAML or not UTF-8, files with a document that is a scalar or whose `metadata` is neither
    a map nor null, and files with directives (%YAML, %TAG), unless behind an empty first document: Flux leaves all of
    them alone. It does so with lists as well, which we edit: patches of kustomize are lists.
    """
    text = decode(data)
    scanner = Scanner(text)
    walk_events(text, scanner.handle)
    return scanner.finish(ByteOffsets(text, len(data)))


def decode(data: bytes) -> str:
    """Return the file as text, without its byte-order mark. Raises Unparsable."""
    try:
        return data.decode().removeprefix(BOM)
    except UnicodeDecodeError as error:
        raise Unparsable("it is not UTF-8", data.count(b"\n", 0, error.start) + 1) from error


class ByteOffsets:
    """Turns ascending code point offsets into byte offsets of the file, the byte-order mark counted."""

    def __init__(self, text: str, size: int) -> None:
        self._text = text
        self._ascii = text.isascii()
        self._at = 0
        self._bytes = size - (len(text) if self._ascii else len(text.encode()))

    def __call__(self, index: int) -> int:
        if self._ascii:
            return self._bytes + index
        self._bytes += len(self._text[self._at : index].encode())
        self._at = index
        return self._bytes
