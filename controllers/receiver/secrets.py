"""The Secrets of Receivers, read one by one, and those that were replaced a short time ago.

A request is judged by a Secret that was read after it had arrived, so that a replaced token counts at once. Of requests
that arrive together one reads for all, and reads of one Secret keep a distance: what strangers send costs the API
server a bounded number of requests. What was replaced is kept in memory alone; it is forgotten with the process.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from api.core import Secret
from api.names import SECRETS
from api.receiver import Receiver
from controllers.clock import Clock
from controllers.receiver.plan import Plan, missing_key
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import NotFound
from controllers.runtime.kube.protocols import Reader
from controllers.singleflight import Singleflight
from controllers.webhooks.hook_path import hook_path
from controllers.webhooks.settings import SecretData

KEYS: Final[tuple[str, ...]] = ("token", "username", "password", "email", "audience")
READ_GAP: Final = timedelta(milliseconds=20)
MAX_REPLACED: Final = 4


class SecretUnusable(Exception):
    """There is no token: the text names the Secret and what it lacks."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A Secret as it was."""

    data: SecretData = field(repr=False)
    until: float
    """When it is not taken any more, in monotonic seconds."""


@dataclass(slots=True)
class Held:
    """What is known of one Receiver's Secret."""

    current: SecretData | None = field(default=None, repr=False)
    replaced: tuple[Replaced, ...] = ()
    next_read: float = 0.0


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a request may be signed with, the present Secret first, and the paths that go with it."""

    data: tuple[SecretData, ...] = field(repr=False)
    paths: tuple[str, ...] = field(repr=False)


class SecretReader:
    """Reads for the hooks of a process. Used from one event loop, by any number of tasks."""

    def __init__(self, client: Reader, clock: Clock, *, on_read: Callable[[Receiver, Secrets], None]) -> None:
        """on_read: called with what was read, before those who wait for it go on."""
        self._client = client
        self._clock = clock
        self._on_read = on_read
        self._held: dict[Key, Held] = {}
        self._calls: Singleflight[Secrets] = Singleflight()

    async def read(self, receiver: Receiver, plan: Plan) -> Secrets:
        """Return the Secret as it is now. Raises SecretUnusable, and ApiError where that cannot be said."""
        if not plan.sender.needs_secret:
            return self._note(receiver, Secrets(({},), (hook_path("", *_names(receiver)),)))
        if receiver.spec.secret_ref is None:  # the CRD refuses it, but an older one may have let it in
            raise SecretUnusable("there is no spec.secretRef: name a Secret with a `token`")  # anybody knew the path
        key = key_of(receiver)

        async def read(begins: Callable[[], None]) -> Secrets:
            held = self._held.setdefault(key, Held())
            wait = held.next_read - self._clock.monotonic()
            if wait > 0:
                held.next_read += READ_GAP.total_seconds()
                await self._clock.sleep(wait)
            else:
                held.next_read = self._clock.monotonic() + READ_GAP.total_seconds()
            begins()
            return self._note(receiver, self._keep(held, receiver, plan, await self._fetch(receiver, plan, held)))

        return await self._calls.join((key, receiver.metadata.uid, receiver.metadata.generation), read)

    def forget(self, key: Key) -> None:
        """Forget a Receiver that is gone."""
        self._held.pop(key, None)

    async def _fetch(self, receiver: Receiver, plan: Plan, held: Held) -> SecretData:
        assert receiver.spec.secret_ref is not None
        namespace, name = receiver.metadata.namespace, receiver.spec.secret_ref.name
        try:
            secret = await self._client.get(SECRETS, namespace, name, into=Secret)
        except NotFound:
            held.current, held.replaced = None, ()
            raise SecretUnusable(f"the secret '{namespace}/{name}' does not exist: create it with a `token`") from None
        data = {key: secret.data[key] for key in KEYS if key in secret.data}
        if lacking := missing_key(plan, data):
            held.current, held.replaced = None, ()
            raise SecretUnusable(f"the secret '{namespace}/{name}' has no `{lacking}`, or an empty one")
        return data

    def _keep(self, held: Held, receiver: Receiver, plan: Plan, data: SecretData) -> Secrets:
        """Remember what was read, and what it replaces for as long as that is still taken."""
        now = self._clock.monotonic()
        before, held.current = held.current, data
        replaced = held.replaced
        if before is not None and before != data and plan.overlap:
            replaced = (Replaced(before, now + plan.overlap.total_seconds()), *replaced)
        held.replaced = tuple(old for old in replaced if now < old.until and old.data != data)[:MAX_REPLACED]
        versions = (data, *(old.data for old in held.replaced))
        tokens = dict.fromkeys(each["token"] for each in versions)
        tokens |= dict.fromkeys(token.rstrip(b"\r\n") for token in tokens)  # as `receiver setup` reads it from a file
        return Secrets(versions, tuple(hook_path(token, *_names(receiver)) for token in tokens))

    def _note(self, receiver: Receiver, secrets: Secrets) -> Secrets:
        self._on_read(receiver, secrets)
        return secrets


def _names(receiver: Receiver) -> tuple[str, str]:
    return receiver.metadata.name, receiver.metadata.namespace
