"""An answer, and what decides about one."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from controllers.hookserver.head import Head
from controllers.webhooks.request import Request

POST_ONLY: Final = "Allow: POST\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender gets: a status and one word. Nothing of a request or a secret is in it."""

    status: int
    reason: str
    """In camel case, as the metrics have it."""
    type: str = ""
    """The sender's type, where it is known. Not sent."""
    retry_after_seconds: int = 0

    @property
    def is_success(self) -> bool:
        """Whether the sender may take it for delivered."""
        return 200 <= self.status < 300


class Application(Protocol):
    """What is served."""

    def admit(self, head: Head, *, source: str) -> Answer | None:
        """Return the answer to a request that is not read any further, None for one that is. Never waits."""

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a request that has been read. Does not raise."""

    def record(self, answer: Answer, *, seconds: float) -> None:
        """Take note of an answer, also of those that the server gives by itself. seconds: since the first byte."""


def encode(answer: Answer, *, keeps_alive: bool, with_body: bool = True) -> bytes:
    """Return an answer as it is sent (RFC 9112)."""
    body = f"{answer.reason}\n".encode()
    retry = f"Retry-After: {answer.retry_after_seconds}\r\n" if answer.retry_after_seconds else ""
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"{POST_ONLY if answer.status == HTTPStatus.METHOD_NOT_ALLOWED else ''}"
        f"{retry}"
        f"Connection: {'keep-alive' if keeps_alive else 'close'}\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
