"""Evaluate pipelines: fields, methods, variables, functions and their arguments.

Semantics and error texts follow Go's `text/template` with the default `missingkey`. Values are those of
`go.values`: a template reaches what their types list, and nothing of Python.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.golang.quote import quote
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import RenderContext
from controllers.template.eval.scope import Scope
from controllers.template.go.types import ANY, VALUE, Function, Kind, Type
from controllers.template.go.values import (
    MISSING,
    Map,
    Slice,
    Struct,
    field_of,
    has_interface_elements,
    is_exported,
    is_true,
    type_of,
    weight,
)
from controllers.template.limits import BYTES_PER_STEP
from controllers.template.syntax.nodes import (
    BoolNode,
    ChainNode,
    CommandNode,
    DotNode,
    FieldNode,
    IdentifierNode,
    NilNode,
    Node,
    NumberNode,
    PipeNode,
    StringNode,
    VariableNode,
)


class _Absent:
    """The type of ABSENT."""


ABSENT: Final = _Absent()
"""There is no value from an earlier stage of the pipeline."""


@dataclass(frozen=True, slots=True)
class CallArguments:
    """What a command passes to its first word: arguments, and the value of the stage before."""

    arguments: Sequence[Node]
    final: object

    def __len__(self) -> int:
        return len(self.arguments) + (self.final is not ABSENT)


NO_ARGUMENTS: Final = CallArguments((), ABSENT)


def _reflect_string(value: object) -> str:
    """Return what `String()` of a `reflect.Value` does."""
    return value if isinstance(value, str) else f"<{type_of(value).name} Value>"


class Evaluation:
    """The expression half of an execution."""

    def __init__(self, scope: Scope, functions: Mapping[str, Function], run: RenderContext) -> None:
        self._scope = scope
        self._functions = functions
        self._run = run
        self._spend = run.budget.spend

    # Pipelines

    def evaluate_pipeline(self, dot: object, pipe: PipeNode) -> object:
        """Return the value of a pipeline, after its variables were declared or assigned."""
        self._scope.node = pipe
        self._scope.enter()
        value: object = ABSENT
        for command in pipe.commands:
            value = self._evaluate_command(dot, command, value)
            if value is None:
                value = MISSING
        self._scope.depth -= 1
        for variable in pipe.variables:
            if pipe.assigns:
                self._scope.assign(variable.names[0], value)
            else:
                self._scope.declare(variable.names[0], value)
        return value

    def _evaluate_command(self, dot: object, command: CommandNode, final: object) -> object:
        self._spend()
        first = command.args[0]
        args = CallArguments(command.args[1:], final)
        match first:
            case FieldNode() | VariableNode() | ChainNode() | IdentifierNode():
                return self._evaluate_operand(dot, first, args, source=command)
            case PipeNode():
                self._reject_arguments(first, args)
                return self.evaluate_pipeline(dot, first)
        self._scope.node = first
        self._reject_arguments(first, args)
        if isinstance(first, NilNode):
            self._scope.fail("nil is not a command")
        return self._constant(dot, first)

    def _reject_arguments(self, first: Node, args: CallArguments) -> None:
        if args:
            self._scope.fail(f"can't give argument to non-function {first}")

    def _evaluate_operand(self, dot: object, first: Node, args: CallArguments, *, source: Node) -> object:
        """Return the value of a field chain, variable or function, called with arguments if there are any.

        source: what Go shows when a function fails.
        """
        self._scope.node = first
        match first:
            case FieldNode():
                boxed = self._scope.dot_is_boxed
                return self._evaluate_field_chain(dot, dot, first, names=first.names, args=args, boxed=boxed)
            case VariableNode():
                value, boxed = self._scope.lookup(first.names[0])
                if len(first.names) > 1:
                    return self._evaluate_field_chain(dot, value, first, names=first.names[1:], args=args, boxed=boxed)
                self._reject_arguments(first, args)
                return value
            case ChainNode():
                if isinstance(first.base, NilNode):
                    self._scope.fail(f"indirection through explicit nil in {first}")
                value = self._evaluate_argument(dot, first.base, ANY)
                return self._evaluate_field_chain(dot, value, first, names=first.names, args=args, boxed=False)
            case IdentifierNode():
                return self._evaluate_call(dot, self._functions[first.name], source, args=args)
        raise AssertionError(first)

    def _evaluate_field_chain(
        self, dot: object, receiver: object, node: Node, *, names: Sequence[str], args: CallArguments, boxed: bool
    ) -> object:
        for name in names[:-1]:
            holder = receiver
            receiver = self._evaluate_field(dot, holder, name, node=node, args=NO_ARGUMENTS, boxed=boxed)
            boxed = isinstance(holder, Map) and has_interface_elements(holder)
        return self._evaluate_field(dot, receiver, names[-1], node=node, args=args, boxed=boxed)

    def _evaluate_field(
        self, dot: object, receiver: object, name: str, *, node: Node, args: CallArguments, boxed: bool
    ) -> object:
        """Return field, method or map entry `name` of `receiver`."""
        self._spend()
        if receiver is MISSING:
            return MISSING
        if receiver is None:
            self._scope.fail(f"nil pointer evaluating interface {{}}.{name}")
        kind = type_of(receiver)
        method = kind.methods.get(name)
        if method is not None:
            return self._evaluate_call(dot, method, node, args=args, receiver=receiver)
        if isinstance(receiver, Struct):
            value = field_of(receiver, name)
            if value is not MISSING:
                if not is_exported(name):
                    type_name = kind.reported_name or kind.name
                    self._scope.fail(f"{name} is an unexported field of struct type {type_name}")
                if args:
                    self._scope.fail(f"{name} has arguments but cannot be invoked as function")
                return value
        elif isinstance(receiver, Map) and kind.key is not None and kind.key.kind is Kind.STRING:
            if args:
                self._scope.fail(f"{name} is not a method but has arguments")
            return receiver.items.get(name, MISSING)
        return self._scope.fail(
            f"can't evaluate field {name} in type {ANY.name if boxed else kind.reported_name or kind.name}"
        )

    # Calls

    def _evaluate_call(
        self, dot: object, function: Function, node: Node, *, args: CallArguments, receiver: object = ABSENT
    ) -> object:
        params = function.params
        self._check_count(function, args)
        if function.name in ("and", "or") and params[0] is VALUE:
            return self._short_circuit(dot, args, stop_at=function.name == "or")
        values = [
            self._evaluate_argument(dot, argument, params[min(position, len(params) - 1)])
            for position, argument in enumerate(args.arguments)
        ]
        if args.final is not ABSENT:
            values.append(self._validate_type(args.final, params[min(len(values), len(params) - 1)]))
        if function.name == "call" and params[0] is VALUE:
            values.insert(0, str(args.arguments[0]) if args.arguments else _reflect_string(args.final))
        if receiver is not ABSENT:
            values.insert(0, receiver)
        return self._result(function, values, node)

    def _check_count(self, function: Function, args: CallArguments) -> None:
        wanted = len(function.params) - function.variadic
        if function.variadic and len(args) < wanted:
            got = len(args.arguments)
            self._scope.fail(f"wrong number of args for {function.name}: want at least {wanted} got {got}")
        if not function.variadic and len(args) != wanted:
            self._scope.fail(f"wrong number of args for {function.name}: want {wanted} got {len(args)}")

    def _result(self, function: Function, values: list[object], node: Node) -> object:
        try:
            self._spend(1 + sum(map(weight, values)) // BYTES_PER_STEP)
            value = function.call(self._run, *values)
            self._run.budget.grow(weight(value))
        except FunctionFailure as error:
            self._scope.node = node
            self._scope.fail(f"error calling {function.name}: {error}")
        return value

    def _short_circuit(self, dot: object, args: CallArguments, *, stop_at: bool) -> object:
        value: object = MISSING
        for argument in args.arguments:
            value = self._evaluate_argument(dot, argument, VALUE)
            if is_true(value) is stop_at:
                return value
        return value if args.final is ABSENT else args.final

    # Arguments

    def _evaluate_argument(self, dot: object, node: Node, wanted: Type) -> object:
        self._spend()
        self._scope.node = node
        match node:
            case DotNode():
                return self._validate_type(dot, wanted)
            case NilNode():
                return self._nil(wanted)
            case FieldNode() | VariableNode() | IdentifierNode() | ChainNode():
                return self._validate_type(self._evaluate_operand(dot, node, NO_ARGUMENTS, source=node), wanted)
            case PipeNode():
                return self._validate_type(self.evaluate_pipeline(dot, node), wanted)
        if wanted is ANY or wanted is VALUE:
            return self._constant(dot, node)
        return self._literal(node, wanted)

    def _nil(self, wanted: Type) -> object:
        if wanted is VALUE:
            return MISSING
        if wanted.kind is Kind.INTERFACE:
            return None
        if wanted.kind is Kind.MAP:
            return Map(wanted, {}, is_nil=True)
        if wanted.kind is Kind.SLICE:
            return Slice(wanted, [], is_nil=True)
        return self._scope.fail(f"cannot assign nil to {wanted.name}")

    def _validate_type(self, value: object, wanted: Type) -> object:
        """Return `value` if it may be passed as `wanted`; a missing value becomes nil where the type has one."""
        if wanted is VALUE:
            return value
        if value is MISSING:
            if wanted.kind in (Kind.INTERFACE, Kind.MAP, Kind.SLICE):
                return self._nil(wanted)
            self._scope.fail(f"invalid value; expected {wanted.name}")
        if not wanted.accepts(type_of(value)):
            self._scope.fail(f"wrong type for value; expected {wanted.name}; got {type_of(value).name}")
        return value

    def _constant(self, dot: object, node: Node) -> object:
        self._scope.node = node
        match node:
            case DotNode():
                return dot
            case BoolNode() | StringNode():
                return node.value
            case NumberNode():
                return self._number(node)
        return self._scope.fail(f"can't evaluate command {quote(str(node))}")

    def _number(self, node: NumberNode) -> object:
        if node.as_complex is not None:
            return node.as_complex
        is_rune = node.text.startswith("'")
        is_hex = node.text[:2] in ("0x", "0X") and not any(mark in node.text for mark in "pP")
        if node.as_float is not None and not is_rune and not is_hex and any(mark in node.text for mark in ".eEpP"):
            return node.as_float
        if node.as_int is None:
            self._scope.fail(f"{node.text} overflows int")
        return node.as_int

    def _literal(self, node: Node, wanted: Type) -> object:
        """Evaluate a literal where the parameter's type is known, which decides how the literal is read."""
        kind = wanted.kind
        names = {
            Kind.BOOL: "bool",
            Kind.STRING: "string",
            Kind.INT: "integer",
            Kind.INT64: "integer",
            Kind.FLOAT64: "float",
        }
        if kind is Kind.BOOL and isinstance(node, BoolNode):
            return node.value
        if kind is Kind.STRING and isinstance(node, StringNode):
            return node.value
        if isinstance(node, NumberNode):
            read = {
                Kind.INT: node.as_int,
                Kind.INT64: node.as_int,
                Kind.FLOAT64: node.as_float,
            }
            value = read.get(kind)
            if value is not None:
                return value
        if kind not in names:
            self._scope.fail(f"can't handle {node} for arg of type {wanted.name}")
        return self._scope.fail(f"expected {names[kind]}; found {node}")
