"""Durations of a spec that are taken for a shorter or longer one, and how an object says so.

A run may wait for a server for ten minutes, whatever its object says: longer waits help nobody, and cost a task and a
connection each. An interval of nothing would be a busy loop. The object works on in both cases, as it did with Flux.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from controllers.golang.duration import format_duration, parse_duration
from controllers.runtime.reconcile.outcome import Outcome

MAX_TIMEOUT: Final = timedelta(minutes=10)
MIN_TIMEOUT: Final = timedelta(seconds=1)
MIN_INTERVAL: Final = timedelta(seconds=1)


def read_timeout(text: str) -> timedelta:
    """Return how long to wait at most, from a second up to ten minutes. Raises BadDuration."""
    return min(max(parse_duration(text), MIN_TIMEOUT), MAX_TIMEOUT)


def read_interval(text: str) -> timedelta:
    """Return the time between two runs, at least a second. Raises BadDuration."""
    return max(parse_duration(text), MIN_INTERVAL)


def explain_timeout(field: str, text: str) -> str:
    """Return what to say of a timeout that is too long; empty for any other, and without one. Raises BadDuration."""
    if not text or parse_duration(text) <= MAX_TIMEOUT:
        return ""
    return f"{field} {text} counts as {format_duration(MAX_TIMEOUT)}, the longest timeout"


def explain_interval(field: str, text: str) -> str:
    """Return what to say of an interval that is too short; empty for any other, and without one. Raises BadDuration."""
    if not text or parse_duration(text) >= MIN_INTERVAL:
        return ""
    return f"{field} {text} counts as {format_duration(MIN_INTERVAL)}, the shortest interval"


def add_notes(outcome: Outcome, notes: Iterable[str]) -> Outcome:
    """Return the outcome with the notes behind its message; empty ones are left out."""
    notes = tuple(filter(None, notes))
    return replace(outcome, message="; ".join(filter(None, (outcome.message, *notes)))) if notes else outcome
