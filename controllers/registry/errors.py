"""What goes wrong between us and a registry.

    RegistryError               str() is the text behind `scan failed: `
     +- UnusableReference       an image reference that does not make a URL; also a BadReference
     +- BadCredentialSecret     a Secret of credentials, certificates or proxy that cannot be used
     +- Denied                  401 or 403: who we are is not enough
     +- ImageNotFound           404: no such repository or tag
     +- Throttled               429, or 503 with a time to retry: wait `retry_after`
     +- Unavailable             no connection, no answer in time, or a failing server; trying again may help
     +- BadResponse             an answer that breaks the protocol
        +- ResponseTooLarge     more pages, tags or bytes than we take

Texts name what was tried, on what, and what came back. None has a credential or the user-info of a URL; of foreign text
at most 256 characters are kept (see `net.foreign_text`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from controllers.image.reference import BadReference
from controllers.net.library_errors import UNREADABLE, catching_panics


class RegistryError(Exception):
    """Base of this package's errors."""


class UnusableReference(RegistryError, BadReference):
    pass


class BadCredentialSecret(RegistryError):
    pass


class Denied(RegistryError):
    pass


class ImageNotFound(RegistryError):
    pass


class Throttled(RegistryError):
    def __init__(self, message: str, retry_after: timedelta | None = None, *, is_outage: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """What the registry asked for; None when it did not say."""
        self.is_outage = is_outage
        """It is down (503), which may be over sooner than it thinks; otherwise a quota is used up."""


class Unavailable(RegistryError):
    def __init__(
        self,
        message: str,
        *,
        connection_lost: bool = False,
        unreachable: bool = False,
        left_alone: timedelta = timedelta(),
    ) -> None:
        super().__init__(message)
        self.connection_lost = connection_lost
        """The connection went away during the request; the same request may succeed at once."""
        self.unreachable = unreachable
        """There was no connection at all, so the next request would most likely meet the same."""
        self.left_alone = left_alone
        """Nothing was sent, and nothing will be for this long."""


class BadResponse(RegistryError):
    pass


class ResponseTooLarge(BadResponse):
    pass


@contextmanager
def reading_foreign_input(request: Callable[[], str]) -> Iterator[None]:
    """Turn whatever parsers raise over a registry's answer into BadResponse; request: names the one under way.

    All sessions run inside, so that no registry can make a run end in anything but this package's errors. Faults that
    somebody might mend have errors of their own, raised where they are found.
    """
    try:
        with catching_panics():
            yield
    except UNREADABLE as error:
        raise BadResponse(f"{request()}: the answer cannot be read ({type(error).__name__})") from error
