"""Answers of a forge's API: what is in them, and what those that are failures mean. Pure.

The six forges agree in what most statuses mean, and in nothing about how a failure is worded: words are looked for
wherever one of them puts them. What a status means at one forge alone is in that forge's module.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from controllers.forge.errors import (
    Archived,
    AuthenticationFailed,
    BadAnswer,
    Conflict,
    Forbidden,
    ForgeError,
    Moved,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
)
from controllers.net.foreign_text import sanitize
from controllers.net.headers import A_DAY, parse_retry_after
from controllers.net.library_errors import UNREADABLE, describe
from controllers.net.redaction import redact

T = TypeVar("T")

ABSENT: Final = frozenset({404, 410})
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
SECONDARY_LIMIT_WAIT: Final = timedelta(minutes=1)
"""GitHub's advice for a limit that comes without a time."""
MAX_WORDS: Final = 8
_WORD_KEYS: Final = ("message", "error", "error_description", "errors", "detail", "reason", "fields", "reviewerErrors")
_RIGHTS: Final = "give the token the right to read and write pull requests, and to push"
_CHECK_LOGIN: Final = "check that the token is complete, not expired and of this forge"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came in. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    """Of the request."""
    may_be_quoted: bool = True
    """Whether its words are those of the host that the user named."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What no message may show even where the forge repeats it."""

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    def read(self, into: type[T]) -> T:
        """Return what the answer says. Raises BadAnswer."""
        try:
            return msgspec.json.decode(self.body, type=into)
        except UNREADABLE as error:
            raise BadAnswer(f"the answer is not what its API answers: {describe(error)}") from error

    def quote(self, text: str) -> str:
        """Return words of the answer as they may be shown; empty where it is not to be quoted."""
        return redact(sanitize(text), self.secrets) if self.may_be_quoted else ""

    @property
    def words(self) -> str:
        """What a failed answer says about itself, on one line; empty where it is not to be quoted."""
        if not self.may_be_quoted:
            return ""
        try:
            found = list(_words(msgspec.json.decode(self.body)))[:MAX_WORDS]
        except UNREADABLE:
            return ""  # a page for people
        return self.quote("; ".join(dict.fromkeys(found)))


@contextmanager
def reading_answers() -> Iterator[None]:
    """Turn whatever is raised over a forge's answer into BadAnswer.

    All work of a driver runs inside, so that no forge can end a run in anything but this package's errors.
    """
    try:
        yield
    except UNREADABLE as error:
        raise BadAnswer(f"the answer cannot be used ({type(error).__name__})") from error


def _words(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts of a failure, wherever a forge puts them."""
    if depth > 6:
        return
    match value:
        case str() if value.strip():
            yield value
        case list():
            for item in value[:MAX_WORDS]:
                yield from _words(item, depth + 1)
        case {"field": str(field), "code": str(fault), **rest} if "message" not in rest:  # GitHub's
            yield f"{field} {fault}"
        case dict():
            named = [key for key in _WORD_KEYS if key in value]
            for key in named or list(value)[:MAX_WORDS]:
                inner = value[key]
                if not named and isinstance(inner, list | str) and depth:
                    yield from (f"{key} {text}" for text in _words(inner, depth + 1))
                else:
                    yield from _words(inner, depth + 1)


def failure_of(answer: Answer, *, now: datetime) -> ForgeError | None:
    """Return what an answer means if it is a failure, whatever the forge."""
    if limited := rate_limit_of(answer, now=now):
        return limited
    status, said = answer.status, f": {answer.words}" if answer.words else ""
    if status in REDIRECTS:
        return _redirect(answer)
    if 200 <= status < 300 or status == 304:
        return None
    reason = f"it answered {status}{said}"
    if status >= 500 or status == 408:
        wait = parse_retry_after(answer.header("retry-after"), now=now)
        return Unavailable(reason, retry_after=wait)
    # Where there is nothing, "archived" is part of somebody's name.
    if status == 423 or (status not in ABSENT and "archived" in answer.words.lower()):
        return archived(answer)
    match status:
        case 401 | 407:
            return AuthenticationFailed(reason, remedy=_CHECK_LOGIN)
        case 403:
            return Forbidden(reason, remedy=_RIGHTS)
        case _ if status in ABSENT:
            return NotFound(reason, remedy=f"check the URL of the repository, and {_RIGHTS}")
        case 409 | 412:
            return Conflict(reason)
        case 400 | 405 | 406 | 411 | 413 | 414 | 415 | 422:
            return Refused(reason)
        case _:
            return BadAnswer(reason)


def archived(answer: Answer) -> Archived:
    """Return the error for a repository that is read-only."""
    said = f": {answer.words}" if answer.words else ""
    reason = f"the repository is archived (it answered {answer.status}{said})"
    return Archived(reason, remedy="unarchive it, or suspend the automation")


def rate_limit_of(answer: Answer, *, now: datetime) -> RateLimited | None:
    """Return how long to wait, if the answer is that there were too many requests.

    GitHub says so with 403 as well, in a header or in words; its secondary limits may come without a time:
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
    """
    used_up = answer.status == 403 and answer.header("x-ratelimit-remaining") == "0"
    secondary = answer.status == 403 and (answer.header("retry-after") or "rate limit" in answer.words.lower())
    if answer.status != 429 and not used_up and not secondary:
        return None
    wait = next_turn(answer, now=now) or SECONDARY_LIMIT_WAIT
    said = f": {answer.words}" if answer.words else ""
    return RateLimited(
        f"it asks for {wait.total_seconds():.0f}s without requests ({answer.status}{said})", retry_after=wait
    )


def next_turn(answer: Answer, *, now: datetime) -> timedelta | None:
    """Return how long the forge wants to be left alone; None where it does not say. A day at most."""
    wait = parse_retry_after(answer.header("retry-after"), now=now)
    if wait is not None:
        return max(wait, timedelta(seconds=1))
    for prefix in ("x-ratelimit", "ratelimit"):
        if answer.header(f"{prefix}-remaining") != "0":
            continue
        reset = answer.header(f"{prefix}-reset").strip()
        if reset.isascii() and reset.isdigit() and len(reset) <= 11:
            left = datetime.fromtimestamp(int(reset), UTC) - now
            return min(max(left, timedelta(seconds=1)), A_DAY)
    return None


def _redirect(answer: Answer) -> ForgeError:
    where = redact(sanitize(answer.header("location")), answer.secrets) if answer.may_be_quoted else ""
    at = f" ({where})" if where else ""
    return Moved(
        f"the repository is not at this address any more: it answered {answer.status}{at}",
        remedy="set the URL of the GitRepository to the repository's new one",
        location=where,
    )
