"""Where an execution is: the current node, the visible variables, the depth."""

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
"""How many variables are passed over at the cost of one evaluated node."""


class Scope:
    """State of one execution. Errors name `node` as their place, so it is set exactly as Go sets it."""

    __slots__ = ("_run", "depth", "dot_is_boxed", "name", "node", "tree", "variables")

    def __init__(self, tree: Tree, run: RenderContext, data: object) -> None:
        self.tree = tree
        self.name = tree.main
        self.node: Node = tree.templates[tree.main]
        self.variables: list[tuple[str, object, bool]] = [("$", data, False)]
        """Name, value, and whether it is boxed: an element of a list or map of `interface {}`, whose errors about a
        missing field name that type in Go."""
        self.dot_is_boxed = False
        self.depth = 0
        self._run = run

    def fail(self, message: str) -> Never:
        """Raise TemplateError in Go's form: position, template, the node's source, the message."""
        line, column = self.tree.position(self.node)
        where = f"{self.tree.main}:{line}:{column}: executing {quote(self.name)} at <{self.node}>"
        raise TemplateError(gotext.to_valid_utf8(f"{PREFIX}template: {where}: {message}"))

    def enter(self) -> None:
        """Go one level deeper; the caller lowers `depth` again."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitExceeded(f"exceeded maximum template depth ({MAX_DEPTH})")

    def declare(self, name: str, value: object) -> None:
        """Add a variable, until the end of the block."""
        self.variables.append((name, value, False))

    def assign(self, name: str, value: object, *, boxed: bool = False) -> None:
        """Change the innermost variable of that name."""
        self.variables[self._position(name)] = (name, value, boxed)

    def lookup(self, name: str) -> tuple[object, bool]:
        """Return the value of the innermost variable of that name, and whether it is boxed."""
        return self.variables[self._position(name)][1:]

    def _position(self, name: str) -> int:
        for position in range(len(self.variables) - 1, -1, -1):
            if self.variables[position][0] == name:
                self._run.budget.spend((len(self.variables) - position) // LOOKUPS_PER_STEP)
                return position
        return self.fail(f"undefined variable: {name}")
