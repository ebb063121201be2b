"""The one error of this package.

BadPattern
"""


class BadPattern(ValueError):
    """The pattern is not a regular expression; the message is the one of Go's `regexp`, `error parsing regexp: ...`."""
