"""Ctrl-C, which ends a command with one word, whatever it breaks."""

import signal
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""


class Interruption:
    """Notes Ctrl-C: where it comes while a module is imported, it may come out as an error of another kind."""

    def __init__(self) -> None:
        """Listen to nothing yet."""
        self.is_noted = False

    def listen(self) -> None:
        """Note Ctrl-C from now on, unless whoever started the process wants it ignored."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: object) -> NoReturn:
        self.is_noted = True
        raise KeyboardInterrupt
