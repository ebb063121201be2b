"""`--status-selector`: objects by a condition of theirs."""

from dataclasses import dataclass
from typing import Self

from cli.fields import text
from cli.grammar.session import Failed
from cli.kinds.kind import Object, condition


@dataclass(frozen=True, slots=True)
class StatusSelector:
    """`type=status` or `type!=status`; upper and lower case are the same."""

    type: str
    status: str
    negated: bool

    @classmethod
    def parse(cls, written: str) -> Self | None:
        """Return the selector; None for no text. Raises Failed."""
        if not written:
            return None
        name, equals, status = written.partition("=")
        if not equals:
            raise Failed(f"expected status selector in type=status or type!=status format, but found: {written}")
        return cls(name.removesuffix("!"), status.lower(), negated=name.endswith("!"))

    def matches(self, obj: Object) -> bool:
        """Return whether the object is one of those. Without that condition it is one of `type!=status`."""
        found = condition(obj, self.type)
        return (found is not None and text(found, "status").lower() == self.status) != self.negated
