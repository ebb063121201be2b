"""What can be wrong with a pattern.

BadPattern
TooCostly
"""


class BadPattern(ValueError):
    """The pattern is not a regular expression; the message is the one of Go's `regexp`, `error parsing regexp: ...`."""


class TooCostly(ValueError):
    """The pattern takes too much time for these texts; the message says how far it came."""

    def __init__(self, done: int, seconds: float) -> None:
        super().__init__(f"it took more than {seconds:g} s of CPU time for {done} tags: write a simpler pattern")
