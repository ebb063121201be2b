"""Run a parse tree on data: text, actions, branches, loops and template calls.

Semantics and error texts follow Go's `text/template`. Unlike in Go, every step is paid for (see `limits`).
"""

from collections.abc import Iterator, Mapping

from controllers.golang.quote import quote
from controllers.template.errors import LimitExceeded
from controllers.template.eval.evaluation import Evaluation
from controllers.template.eval.render_context import RenderContext
from controllers.template.eval.scope import Scope
from controllers.template.go import printing
from controllers.template.go.gotext import byte_length
from controllers.template.go.types import Function
from controllers.template.go.values import MISSING, Map, Slice, has_interface_elements, is_true, sorted_items
from controllers.template.syntax.nodes import (
    ActionNode,
    BlockNode,
    BranchNode,
    JumpNode,
    Node,
    PipeNode,
    TemplateNode,
    TextNode,
    Tree,
)


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class IntRange:
    """The pairs of `range` over an integer, made one by one: a missing index, and the number."""

    def __init__(self, number: int) -> None:
        self._kind = type(number)
        self._numbers = range(number)

    def __iter__(self) -> Iterator[tuple[object, object]]:
        return ((MISSING, self._kind(number)) for number in self._numbers)

    def __bool__(self) -> bool:
        return bool(self._numbers)


class Execution:
    """One execution of a tree; use it once."""

    def __init__(self, tree: Tree, functions: Mapping[str, Function], run: RenderContext, *, data: object) -> None:
        self._scope = Scope(tree, run, data)
        self._evaluation = Evaluation(self._scope, functions, run)
        self._data = data
        self._budget = run.budget
        self._spend = run.budget.spend
        self._out: list[str] = []

    def run(self) -> str:
        """Return the text the template makes of the data. Raises TemplateError and what methods of the data raise."""
        tree = self._scope.tree
        try:
            self._walk_block(self._data, tree.templates[tree.main])
        except LimitExceeded as error:
            self._scope.fail(str(error))
        return "".join(self._out)

    def _write(self, text: str) -> None:
        self._budget.write(byte_length(text))
        self._out.append(text)

    # Blocks

    def _walk_block(self, dot: object, block: BlockNode) -> None:
        self._scope.enter()
        self._scope.node = block
        for node in block.nodes:
            self._spend()
            self._scope.node = node
            self._walk_node(dot, node)
        self._scope.depth -= 1

    def _walk_node(self, dot: object, node: Node) -> None:
        match node:
            case TextNode():
                self._write(node.text)
            case ActionNode():
                value = self._evaluation.evaluate_pipeline(dot, node.pipe)
                if not node.pipe.variables:
                    self._scope.node = node
                    self._write(printing.to_text(value, self._budget))
            case BranchNode(keyword="range"):
                self._walk_range(dot, node)
            case BranchNode():
                self._walk_if_or_with(dot, node)
            case TemplateNode():
                self._walk_template(dot, node)
            case JumpNode():
                raise _Break if node.keyword == "break" else _Continue

    def _walk_if_or_with(self, dot: object, node: BranchNode) -> None:
        mark = len(self._scope.variables)
        value = self._evaluation.evaluate_pipeline(dot, node.pipe)
        if is_true(value):
            if node.keyword == "with":
                self._walk_block_with_dot(value, node.body, boxed=False)
            else:
                self._walk_block(dot, node.body)
        elif node.else_block is not None:
            self._walk_block(dot, node.else_block)
        del self._scope.variables[mark:]

    def _walk_block_with_dot(self, dot: object, block: BlockNode, *, boxed: bool) -> None:
        """Walk the block with a dot of its own; `boxed` as in the scope's variables."""
        saved, self._scope.dot_is_boxed = self._scope.dot_is_boxed, boxed
        try:
            self._walk_block(dot, block)
        finally:
            self._scope.dot_is_boxed = saved

    def _walk_range(self, dot: object, node: BranchNode) -> None:
        mark, depth = len(self._scope.variables), self._scope.depth
        value = self._evaluation.evaluate_pipeline(dot, node.pipe)
        pairs = self._range_pairs(value, node)
        boxed = isinstance(value, Slice | Map) and has_interface_elements(value)
        inner = len(self._scope.variables)
        try:
            for index, element in pairs:
                self._spend()
                self._set_loop_variables(node.pipe, index, element, boxed=boxed)
                try:
                    self._walk_block_with_dot(element, node.body, boxed=boxed)
                except _Continue:
                    self._scope.depth = depth
                del self._scope.variables[inner:]
        except _Break:
            self._scope.depth = depth
        if not pairs and node.else_block is not None:
            self._walk_block(dot, node.else_block)
        del self._scope.variables[mark:]

    def _range_pairs(self, value: object, node: BranchNode) -> list[tuple[object, object]] | IntRange:
        match value:
            case Slice():
                self._spend(len(value.items) // 8)
                return list(enumerate(value.items))
            case Map():
                self._spend(len(value.items))
                return sorted_items(value)
            case bool():
                pass
            case int():
                if len(node.pipe.variables) > 1:
                    self._scope.fail(f"can't use {int(value)} to iterate over more than one variable")
                return IntRange(value)
            case _ if value is MISSING or value is None:
                return []
        return self._scope.fail(f"range can't iterate over {printing.to_text(value, self._budget)}")

    def _set_loop_variables(self, pipe: PipeNode, index: object, element: object, *, boxed: bool) -> None:
        names = pipe.variables
        if not names:
            return
        if pipe.assigns:
            if len(names) > 1:
                self._scope.assign(names[0].names[0], index)
            self._scope.assign(names[-1].names[0], element, boxed=boxed)
            return
        # The pipeline has pushed the variables; the last one pushed gets the element.
        self._scope.variables[-1] = (self._scope.variables[-1][0], element, boxed)
        if len(names) > 1:
            self._scope.variables[-2] = (self._scope.variables[-2][0], index, False)

    def _walk_template(self, dot: object, node: TemplateNode) -> None:
        block = self._scope.tree.templates.get(node.name)
        if block is None:
            self._scope.fail(f"template {quote(node.name)} not defined")
        data = MISSING if node.pipe is None else self._evaluation.evaluate_pipeline(dot, node.pipe)
        saved = self._scope.name, self._scope.variables
        self._scope.name, self._scope.variables = node.name, [("$", data, False)]
        self._walk_block_with_dot(data, block, boxed=False)
        self._scope.name, self._scope.variables = saved
