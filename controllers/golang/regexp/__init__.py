"""Go's regular expressions: compiled and run by RE2, accepted and refused as Go's `regexp` does.

Users of Flux write patterns in Go's dialect and read its error texts in a status. RE2 is the engine behind both
dialects, so matching is the same and linear in time; `syntax` settles what differs. Pure: no I/O, no clock.
Syntax: https://pkg.go.dev/regexp/syntax. Substitution (`$1`, `${name}`) is up to those that have templates.
"""

from controllers.golang.regexp.budget import CHEAP_COST, CHEAP_WORK, Budget, are_cheap, within_budget
from controllers.golang.regexp.errors import BadPattern, TooCostly
from controllers.golang.regexp.pattern import (
    Pattern,
    TextPredicate,
    abbreviate,
    any_of,
    compile,  # noqa: A004 - read as regexp.compile
    drop_by_endings,
)

__all__ = [
    "CHEAP_COST",
    "CHEAP_WORK",
    "BadPattern",
    "Budget",
    "Pattern",
    "TextPredicate",
    "TooCostly",
    "abbreviate",
    "any_of",
    "are_cheap",
    "compile",
    "drop_by_endings",
    "within_budget",
]
