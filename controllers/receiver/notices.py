"""Events on Receivers about requests that were refused: one a minute for each reason, however many there are."""

from collections import OrderedDict
from typing import Final

from api.receiver import Receiver
from controllers.clock import Clock
from controllers.runtime.reconcile.events import EventType, InvolvedObject, Recorder

PAUSE_SECONDS: Final = 60.0
MAX_REMEMBERED: Final = 4096


class Notices:
    """Decides which events are recorded. Messages hold nothing of a request or a Secret: see those who make them."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()

    def refused(self, receiver: Receiver, *, status: int, reason: str, message: str) -> None:
        """Say that a request was refused. Never waits."""
        now, key = self._clock.monotonic(), (receiver.metadata.uid, reason)
        if now < self._until.get(key, 0.0):
            return
        self._until[key] = now + PAUSE_SECONDS
        self._until.move_to_end(key)
        while len(self._until) > MAX_REMEMBERED:
            self._until.popitem(last=False)
        text = f"a request was answered with {status}: {message}"
        self._recorder.record(InvolvedObject.of(receiver), EventType.WARNING, reason=reason, message=text)
