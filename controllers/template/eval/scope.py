"""Where an execution stands: the node it is at, the variables it sees, how deep it is."""

from typing import Never

from controllers.golang.quote import quote
from controllers.template.errors import LimitExceeded, TemplateError
from controllers.template.eval.render_context import RenderContext
from controllers.template.go import gotext
from controllers.template.limits import MAX_NESTING
from controllers.template.syntax.nodes import Node, Tree

PREFIX = "failed to run template from spec: "
MAX_DEPTH = 2 * MAX_NESTING
"""Nested blocks, parentheses and template calls together."""
LOOKUPS_PER_STEP = 32
"""Variables passed over that cost as much as one evaluated node."""


class Scope:
    """State of one execution. `node` is what an error will be said to be at, so it is set just as Go sets it."""

    __slots__ = ("_run", "depth", "dot_is_boxed", "name", "node", "tree", "variables")

    def __init__(self, tree: Tree, run: RenderContext, data: object) -> None:
        self.tree = tree
        self.name = tree.main
        self.node: Node = tree.templates[tree.main]
        self.variables: list[tuple[str, object, bool]] = [("$", data, False)]
        """Name, value, and whether it is boxed: an element of a list or map of `interface {}`, which Go still sees as
        that when it is asked for a field it does not have."""
        self.dot_is_boxed = False
        self.depth = 0
        self._run = run

    def fail(self, message: str) -> Never:
        """Raise TemplateError in Go's form: position, template, the node's source, the message."""
        line, column = self.tree.position(self.node)
        where = f"{self.tree.main}:{line}:{column}: executing {quote(self.name)} at <{self.node}>"
        raise TemplateError(gotext.to_valid_utf8(f"{PREFIX}template: {where}: {message}"))

    def enter(self) -> None:
        """Go one level deeper; the caller takes it off `depth` again."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitExceeded(f"exceeded maximum template depth ({MAX_DEPTH})")

    def declare(self, name: str, value: object) -> None:
        """A new variable, until the end of the block."""
        self.variables.append((name, value, False))

    def assign(self, name: str, value: object, *, boxed: bool = False) -> None:
        """Change the innermost variable of that name."""
        self.variables[self._position(name)] = (name, value, boxed)

    def lookup(self, name: str) -> tuple[object, bool]:
        """Value of the innermost variable of that name, and whether it is boxed."""
        return self.variables[self._position(name)][1:]

    def _position(self, name: str) -> int:
        for position in range(len(self.variables) - 1, -1, -1):
            if self.variables[position][0] == name:
                self._run.budget.spend((len(self.variables) - position) // LOOKUPS_PER_STEP)
                return position
        return self.fail(f"undefined variable: {name}")
