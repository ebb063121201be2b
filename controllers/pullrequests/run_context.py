"""What pull requests need of the run that they are part of, and what they tell it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from controllers.git.protocol.session import Check
from controllers.runtime.tracing import Tracer
from controllers.update.work import Published


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened to a pull request, or that its owner should know."""

    reason: str
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class RunContext:
    """What offering needs of the run that it is part of."""

    now: datetime
    check: Check
    """Called right before a push and each write to the forge; raises unless this process may write."""
    record: Callable[[Published], None]
    """Called as soon as a head branch has a new commit."""
    tracer: Tracer
