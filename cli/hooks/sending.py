"""Sends a webhook, again where that may help, or writes it down as a command of curl. No message has a secret."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from cli.grammar.session import Failed, Reporter
from cli.hooks.signing import AUTHORIZATION, SCHEMES
from controllers.net.foreign_text import sanitize
from controllers.webhooks.hook_path import PREFIX

if TYPE_CHECKING:
    from cli.kube.deadline import Deadline

_RETRIED: Final = (404, 408, 429, 500, 502, 503, 504)
"""404 as well: the path may not be known yet, right after a start or a new token."""
_MAX_ANSWER_BYTES: Final = 4096
_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Hook:
    """A request that is ready to be sent."""

    base_url: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def url(self) -> str:
        """Where to. The path is a secret."""
        return self.base_url.rstrip("/") + self.path

    @property
    def shown_url(self) -> str:
        """The same for people, without the secret."""
        return f"{self.base_url.rstrip('/')}{PREFIX}..."


class _Unsent(Exception):
    """An attempt has failed; the text says how. may_help: whether to repeat it."""

    def __init__(self, text: str, *, may_help: bool) -> None:
        super().__init__(text)
        self.may_help = may_help


def send(hook: Hook, deadline: "Deadline", report: Reporter, *, retries: int, delay: float) -> None:
    """Send a hook. delay: seconds between attempts. Raises Failed."""
    attempt = 0
    while True:
        try:
            _post(hook, deadline)
            return
        except _Unsent as failure:
            attempt += 1
            if not failure.may_help or attempt > retries or not deadline.allows(delay):
                raise Failed(str(failure)) from None
            report.waiting(f"{failure}; retrying in {delay:g}s ({attempt}/{retries})")
        deadline.sleep(delay)


def _post(hook: Hook, deadline: "Deadline") -> None:
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415
    from http.client import HTTPException  # noqa: PLC0415

    from controllers.net.library_errors import describe  # noqa: PLC0415

    left = deadline.remaining()
    seconds = _SECONDS if left is None else max(min(left, _SECONDS), 0.1)
    # Its scheme was checked before.
    request = urllib.request.Request(  # noqa: S310
        hook.url, hook.body, dict(hook.headers), method="POST"
    )
    try:
        with urllib.request.build_opener(_NoRedirects()).open(request, timeout=seconds) as answer:
            status, text = answer.status, answer.read(_MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read(_MAX_ANSWER_BYTES)
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        why = describe(cause) if isinstance(cause, Exception) else sanitize(str(cause))
        raise _Unsent(f"request to {hook.shown_url} failed: {why}", may_help=True) from None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        said = sanitize(text.decode("utf-8", "replace").strip())
        raise _Unsent(
            f"request to {hook.shown_url} failed with status {status}" + (f": {said}" if said else ""),
            may_help=status in _RETRIED,
        )


def _NoRedirects() -> Any:  # noqa: N802 -- a class that needs a module which is loaded late
    import urllib.request  # noqa: PLC0415

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        """Follows none: the headers and the path are secrets of the one that was asked."""

        def redirect_request(self, *_: Any) -> None:
            return None

    return NoRedirects()


def as_curl(hook: Hook, *, token: str) -> Iterator[str]:
    """Yield the lines of a command that sends a hook. token: what stands for the secret in Authorization."""
    yield f"curl -X POST {shlex.quote(hook.url)} \\"
    for name, value in hook.headers.items():
        if name == AUTHORIZATION:
            scheme, space, _ = value.partition(" ")
            shown = f"{scheme} {token}" if space and scheme in SCHEMES else token  # others are words of the secret
            yield f'  -H "{name}: {shown}" \\'
        else:
            yield f"  -H {shlex.quote(f'{name}: {value}')} \\"
    yield f"  --data-binary {shlex.quote(hook.body.decode())}"
