"""A request as a value, and its bounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from controllers.webhooks import content, forms
from controllers.webhooks.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_HEADERS
from controllers.webhooks.verdict import METHOD_NOT_ALLOWED, Refusal, malformed, too_large


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What arrived. Whoever reads it from a socket stops at the bounds of `limits` and answers 413."""

    arrived: datetime
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """In their order, names in any case; octets that are not ASCII as Latin-1 or UTF-8."""
    method: str = "POST"
    path: str = "/"
    """Without the query."""
    query: str = ""
    """Without the question mark."""
    source: str = ""
    """The address it came from, for rate limits and messages; nothing is decided by it here."""

    def header(self, name: str) -> str:
        """Return a header, stripped; empty where it is missing. Raises Refusal for one that is there twice.

        Proxies and servers disagree about which of two counts, so that neither does.
        """
        values = [value.strip() for key, value in self.headers if key.lower() == name.lower()]
        if len({*values}) > 1:
            raise malformed(f"the header {name} is there more than once")
        return values[0] if values else ""

    def first_header(self, names: Iterable[str]) -> str:
        """Return the first of several headers that is there and not empty."""
        return next((value for name in names if (value := self.header(name))), "")

    def parameter(self, name: str) -> str:
        """Return a parameter of the query, empty where it is missing."""
        return (forms.first_field(encode(self.query), name) or b"").decode("utf-8", "replace")

    @property
    def is_compressed(self) -> bool:
        """Whether the body may be larger than it is here."""
        return any(name.lower() == "content-encoding" for name, _ in self.headers)

    @property
    def content(self) -> bytes:
        """The body without its content coding. Raises Refusal for one that is not understood, or too large."""
        return content.expand(self.body, self.header("Content-Encoding"))

    @property
    def document(self) -> bytes:
        """The JSON of the request: its body, or the field `payload` of a form, as GitHub and Gitea may send it.

        Raises Refusal.
        """
        return content.document(self.content, self.header("Content-Type"))


def encode(text: str) -> bytes:
    """Return the octets of a header or query, whatever its characters are."""
    return text.encode("utf-8", "surrogatepass")


def check(request: Request) -> None:
    """Raise Refusal for what need not be looked at: another method, or too much of anything."""
    if request.method != "POST":
        raise Refusal("MethodNotAllowed", "hooks are called with POST", METHOD_NOT_ALLOWED)
    if len(request.body) > MAX_BODY_BYTES:
        raise too_large(f"the body is larger than {MAX_BODY_BYTES // 1024} KiB")
    length = sum(len(name) + len(value) for name, value in request.headers) + len(request.path) + len(request.query)
    if len(request.headers) > MAX_HEADERS or length > MAX_HEADER_BYTES:
        raise too_large("there are too many headers, or they are too long")
