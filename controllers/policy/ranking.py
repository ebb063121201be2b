"""What a policy is: an immutable value that makes a ranker, and a row that says how users name it.

A ranker is given all candidates at once, sorted as it wishes (`candidates`), and returns the best one with the reasons
against the others. Policies are listed in `policies`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from controllers.policy.candidates import Candidates
from controllers.policy.errors import NoMatch, SelectionFailed
from controllers.policy.reasons import Reason, Tally
from controllers.policy.tag_filter import Filter


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best value, None where there is none; counts and a bounded list of the other values as in `Tally`."""

    best: str | None
    counts: Mapping[Reason, int]
    others: Sequence[tuple[str, Reason]]
    failure: Callable[[Tally], SelectionFailed] = NoMatch
    """The error to raise where there is no best value."""


Ranker: TypeAlias = Callable[[Candidates], Ranking]
"""Ranks candidates, of which there is at least one."""


@dataclass(frozen=True, slots=True)
class RankingContext:
    """What a policy may look at besides the values to rank."""

    tag_filter: Filter | None = None
    first_seen: Mapping[str, int] = field(default_factory=dict)
    """Unix seconds of the scan that found the tag first; a tag that is missing is of unknown age."""
    built: Mapping[str, int | None] = field(default_factory=dict)
    """Build dates, Unix seconds or None, of the tags whose images were read."""


class Policy(ABC):
    """A way to rank tags. Subclasses are frozen dataclasses; equal policies rank alike.

    Any arguments are accepted: what a user wrote is checked by `build_ranker`, so that a bad policy is reported like
    any other failure of a choice.
    """

    __slots__ = ()

    name: ClassVar[str]
    """The field of `spec.policy`, and the flag of `tagline policy test`."""
    ranks_times: ClassVar[bool] = False
    """True where the values do not have the rank: then two tags alone cannot be compared, nor any tags offline."""

    @abstractmethod
    def build_ranker(self, context: RankingContext) -> Ranker:
        """Return the ranker, ready for any number of candidates. Raises BadPolicy, or BadFilter for the context's."""

    @property
    def preselection(self) -> Policy | None:
        """The policy whose leading tags have their images read before this one ranks those; None reads no images."""
        return None


class BadPolicy(ValueError):
    """The policy's arguments cannot be understood; the message is for the user."""


@dataclass(frozen=True, slots=True)
class PolicyFlag:
    """A flag of `tagline policy test`."""

    parse: Callable[[str], Policy]
    """Makes the policy from the flag's argument."""
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    """The arguments that are accepted; None accepts any."""


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """A row in the table of policies."""

    policy: type[Policy]
    from_spec: Callable[[Any], Policy]
    """Makes the policy from the value of the field `policy.name` of an ImagePolicy's `spec.policy`."""
    reasons: tuple[Reason, ...] = ()
    """The policy's own, besides those that all share."""
    flag: PolicyFlag | None = None
    """None: only a manifest can ask for this policy."""


class Order(Enum):
    """Which end of the order wins."""

    ASC = "ASC"
    DESC = "DESC"


ORDER_CHOICES = ("asc", "desc")
"""As users write them."""


def parse_order(text: str) -> Order:
    """Return the order that a spec names; the empty text is ascending. Raises BadPolicy with Flux's message."""
    name = "".join([_upper(char) for char in text])
    if not name:
        return Order.ASC
    try:
        return Order(name)
    except ValueError:
        raise BadPolicy(f"invalid order argument provided: '{name}', must be one of: ASC, DESC") from None


def _upper(char: str) -> str:
    # As in Go, where one letter stays one letter: ß has no upper case.
    upper = char.upper()
    return upper if len(upper) == 1 else char
