"""Files that flags name."""

import os
from pathlib import Path

from cli.grammar.session import Failed

_MAX_BYTES = 1 << 20
"""What the API server takes as one object at most."""


def read_text(path: str, failure: str) -> str:
    """Return what a file holds, which is to go into a Secret. failure: the beginning of the message. Raises Failed."""
    if not path:  # which `Path` takes for the working folder
        raise Failed(f"{failure}: open : no such file or directory")
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        verb = "read" if isinstance(error, IsADirectoryError) else "open"
        raise Failed(f"{failure}: {verb} {path}: {os.strerror(error.errno or 0).lower()}") from None
    except ValueError:
        raise Failed(f"{failure}: open {path}: invalid argument") from None
    if len(content) > _MAX_BYTES:
        raise Failed(f"{failure}: {path} is larger than a Secret may be")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Failed(f"{failure}: {path} is not a text in UTF-8; PEM is expected") from None
