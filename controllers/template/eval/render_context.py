"""What a template function may use of the render it runs in."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controllers.template.go.types import Function, Type
from controllers.template.limits import RenderBudget
from controllers.template.model import Comparison


@dataclass(frozen=True, slots=True)
class RenderContext:
    """One render: its budget, the time it is for, and a random generator for `randInt` and `shuffle`."""

    budget: RenderBudget
    now: datetime
    """Aware; `ago` counts from it."""
    rng: random.Random = field(default_factory=random.SystemRandom)
    comparisons: Mapping[object, Comparison] = field(default_factory=dict)
    """By the change as templates see it."""


class Library:
    """A table of template functions, filled by a decorator."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}

    def add(
        self, names: str, *params: Type, variadic: bool = False
    ) -> Callable[[Callable[..., object]], Callable[..., object]]:
        """Register a function under space-separated names.

        It gets the RenderContext, then arguments of the types `params`, which are checked before the call.
        variadic: the last type may occur any number of times, also none.
        """

        def register(call: Callable[..., object]) -> Callable[..., object]:
            for name in names.split():
                self.functions[name] = Function(name, params, call, variadic)
            return call

        return register
