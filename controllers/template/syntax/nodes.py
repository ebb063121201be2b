"""The parse tree of a template. `str(node)` is the source text that Go quotes in error messages.

Positions count characters from the start of the whole template.
"""

from dataclasses import dataclass, field

from controllers.golang.quote import quote


@dataclass(slots=True, eq=False)
class Node:
    """Anything with a place in the source."""

    at: int


@dataclass(slots=True, eq=False)
class TextNode(Node):
    """Plain text between actions, trimmed."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class DotNode(Node):
    """The cursor."""

    def __str__(self) -> str:
        return "."


@dataclass(slots=True, eq=False)
class NilNode(Node):
    """The word `nil`."""

    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True, eq=False)
class BoolNode(Node):
    """`true` or `false`."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True, eq=False)
class NumberNode(Node):
    """A number or character literal with its value in every type that it fits, None in the others."""

    text: str
    as_int: int | None
    as_uint: int | None
    as_float: float | None
    as_complex: complex | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class StringNode(Node):
    """A string literal: as written, and its value."""

    quoted: str
    value: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(slots=True, eq=False)
class IdentifierNode(Node):
    """The name of a function."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class FieldNode(Node):
    """`.A.B`."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


@dataclass(slots=True, eq=False)
class VariableNode(Node):
    """`$x.A.B`; the first name includes the dollar."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(slots=True, eq=False)
class ChainNode(Node):
    """A parenthesised pipeline, or a function, followed by `.A.B`."""

    base: Node
    names: list[str]

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, PipeNode) else str(self.base)
        return base + "".join("." + name for name in self.names)


@dataclass(slots=True, eq=False)
class CommandNode(Node):
    """A function or operand with its arguments."""

    args: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({word})" if isinstance(word, PipeNode) else str(word) for word in self.args)


@dataclass(slots=True, eq=False)
class PipeNode(Node):
    """A pipeline with the variables it declares or assigns."""

    commands: list[CommandNode] = field(default_factory=list)
    variables: list[VariableNode] = field(default_factory=list)
    assigns: bool = False

    def __str__(self) -> str:
        names = ", ".join(str(variable) for variable in self.variables)
        operator = (" = " if self.assigns else " := ") if self.variables else ""
        return names + operator + " | ".join(str(command) for command in self.commands)


@dataclass(slots=True, eq=False)
class BlockNode(Node):
    """A list of nodes."""

    nodes: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(str(node) for node in self.nodes)


@dataclass(slots=True, eq=False)
class ActionNode(Node):
    """`{{pipeline}}`."""

    pipe: PipeNode

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(slots=True, eq=False)
class BranchNode(Node):
    """`if`, `with` or `range` (`keyword`) with its branches."""

    keyword: str
    pipe: PipeNode
    body: BlockNode
    else_block: BlockNode | None

    def __str__(self) -> str:
        else_block = "" if self.else_block is None else f"{{{{else}}}}{self.else_block}"
        return f"{{{{{self.keyword} {self.pipe}}}}}{self.body}{else_block}{{{{end}}}}"


@dataclass(slots=True, eq=False)
class JumpNode(Node):
    """`break` or `continue`."""

    keyword: str

    def __str__(self) -> str:
        return f"{{{{{self.keyword}}}}}"


@dataclass(slots=True, eq=False)
class TemplateNode(Node):
    """`{{template "name" pipeline}}`."""

    name: str
    pipe: PipeNode | None

    def __str__(self) -> str:
        argument = "" if self.pipe is None else f" {self.pipe}"
        return f"{{{{template {quote(self.name)}{argument}}}}}"


@dataclass(slots=True, eq=False)
class EndNode(Node):
    """`{{end}}`; the parser's own, never in a tree."""

    def __str__(self) -> str:
        return "{{end}}"


@dataclass(slots=True, eq=False)
class ElseNode(Node):
    """`{{else}}`; the parser's own, never in a tree."""

    def __str__(self) -> str:
        return "{{else}}"


@dataclass(frozen=True, slots=True)
class Tree:
    """All templates of one source: the main one and those it defines."""

    source: str
    main: str
    templates: dict[str, BlockNode]

    def position(self, node: Node) -> tuple[int, int]:
        """Return line, from 1, and byte column, from 0, as Go reports them."""
        before = self.source[: node.at]
        start = before.rfind("\n") + 1
        return before.count("\n") + 1, len(before[start:].encode("utf-8", "surrogateescape"))
