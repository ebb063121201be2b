"""What somebody meant who mistyped a word."""

from collections.abc import Iterable
from typing import Final

MAX_MISTAKES: Final = 2


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that the fewest mistakes lead from, or one that the word begins; "" if none is near."""
    candidates = [(count_mistakes(word.lower(), one.lower()), one) for one in known]
    near = [pair for pair in candidates if pair[0] <= min(MAX_MISTAKES, len(word) // 3)]
    return min(near, key=lambda pair: pair[0], default=(0, ""))[1]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a name that nothing has; empty when no name is near."""
    meant = nearest(name, sorted(set(known) - {name}))
    return f'; did you mean "{meant}"?' if meant else ""


def count_mistakes(one: str, other: str) -> int:
    """Return how many letters have to be put in, left out, replaced or swapped with their neighbour."""
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, other_letter in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != other_letter))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == other_letter:
                cost = min(cost, before_last[column - 2] + 1)
            current.append(cost)
        before_last, last = last, current
    return last[-1]
