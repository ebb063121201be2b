"""What one render may cost.

Templates come from users of the cluster and are hostile input: every loop, call and growth of a string is paid for
here, so that a render ends after a bounded time with bounded memory. There is no clock in this package: the budget
counts work, not seconds. Go has no such limits; a template that Flux would render but that needs more than these is an
error here.
"""

from dataclasses import dataclass

from controllers.template.errors import LimitExceeded

BYTES_PER_STEP = 32
"""Bytes of text that cost as much as one evaluated node: string functions run at memory speed."""

MAX_NESTING = 50
"""Depth of nested blocks, parentheses, template calls and values; bounds Python's own recursion."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of one render; the defaults end the worst template found so far in well under a second."""

    template_bytes: int = 64 * 1024
    """Size of the template's source."""
    output_bytes: int = 64 * 1024
    """Size of the finished message."""
    steps: int = 100_000
    """Nodes evaluated, loop iterations, elements printed or compared."""
    text_bytes: int = 256 * 1024
    """Size of one string, and number of elements of one list, made by a function."""
    memory_bytes: int = 16 * 1024 * 1024
    """Sum of the sizes of all strings and lists made by functions during the render."""


class RenderBudget:
    """What is left of the `Limits` of one render. Not shared between renders; not thread-safe."""

    __slots__ = ("_limits", "_memory", "_output", "_steps")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._steps = limits.steps
        self._memory = limits.memory_bytes
        self._output = limits.output_bytes

    def spend(self, steps: int = 1) -> None:
        """Pay for work; raises LimitExceeded when nothing is left."""
        self._steps -= steps
        if self._steps < 0:
            raise LimitExceeded(f"template needs more than {self._limits.steps} steps")

    def spend_share(self, divisor: int) -> None:
        """Pay for something expensive: at most `divisor` of it fit into a render."""
        self.spend(max(1, self._limits.steps // divisor))

    def grow(self, size: int) -> None:
        """Pay for a string or list of `size` bytes or elements, *before* it is made where it may be large."""
        if size > self._limits.text_bytes:
            raise LimitExceeded(f"a function's result is larger than {self._limits.text_bytes} bytes")
        self._memory -= size
        if self._memory < 0:
            raise LimitExceeded(f"template needs more than {self._limits.memory_bytes} bytes of memory")
        self.spend(size // BYTES_PER_STEP)

    def write(self, size: int) -> None:
        """Pay for `size` bytes of output."""
        self._output -= size
        if self._output < 0:
            raise LimitExceeded(f"message is larger than {self._limits.output_bytes} bytes")
