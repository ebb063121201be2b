"""Build the parse tree of a template.

Grammar and error texts are those of Go's `text/template` (https://pkg.go.dev/text/template). Errors name the line of
the token read last, as Go does. Nesting is bounded, which Go does only for parentheses.
"""

from collections.abc import Container

from controllers.golang.quote import quote
from controllers.template.errors import TemplateError
from controllers.template.go.gotext import unquote
from controllers.template.limits import MAX_NESTING
from controllers.template.syntax import numbers
from controllers.template.syntax.lexer import OPERANDS, Lexer, Token, TokenKind
from controllers.template.syntax.nodes import (
    ActionNode,
    BlockNode,
    BoolNode,
    BranchNode,
    ChainNode,
    CommandNode,
    DotNode,
    ElseNode,
    EndNode,
    FieldNode,
    IdentifierNode,
    JumpNode,
    NilNode,
    Node,
    NumberNode,
    PipeNode,
    StringNode,
    TemplateNode,
    TextNode,
    Tree,
    VariableNode,
)

MAIN = "commit message"
"""Name of the main template in every error text."""
PREFIX = "unable to create commit message template from spec: "
_NOT_EXECUTABLE = (BoolNode, DotNode, NilNode, NumberNode, StringNode)


def parse(source: str, functions: Container[str]) -> Tree:
    """Return the tree of `source`. Raises TemplateError; the message has Flux's prefix and Go's text."""
    tree = Tree(source, MAIN, {})
    Parser(Lexer(source), functions, tree.templates).parse_all()
    return tree


class Parser:
    """Reads one template; `define` and `block` are read by a parser of their own on the same lexer."""

    def __init__(
        self, lexer: Lexer, functions: Container[str], templates: dict[str, BlockNode], *, nesting: int = 0
    ) -> None:
        self._lexer = lexer
        self._functions = functions
        self._templates = templates
        self._pending: list[Token] = []
        self._line = 0
        self._action_line = 0
        self._variables = ["$"]
        self._ranges = 0
        self._nesting = nesting

    # Tokens

    def _next(self) -> Token:
        if self._pending:
            return self._pending.pop()
        token = self._lexer.next()
        self._line = token.line
        return token

    def _peek(self) -> Token:
        token = self._next()
        self._pending.append(token)
        return token

    def _next_non_space(self) -> Token:
        token = self._next()
        while token.kind is TokenKind.SPACE:
            token = self._next()
        return token

    def _peek_non_space(self) -> Token:
        token = self._next_non_space()
        self._pending.append(token)
        return token

    def _expect(self, kind: TokenKind, context: str) -> Token:
        token = self._next_non_space()
        if token.kind is not kind:
            raise self._unexpected(token, context)
        return token

    # Errors

    def _error(self, message: str) -> TemplateError:
        return TemplateError(f"{PREFIX}template: {MAIN}:{self._line}: {message}")

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind is not TokenKind.ERROR:
            return self._error(f"unexpected {token} in {context}")
        extra = ""
        if self._action_line not in (0, token.line):
            extra = f" in action started at {MAIN}:{self._action_line}"
            if token.text.endswith(" action"):
                extra = extra.removeprefix(" in action")
        return self._error(f"{token}{extra}")

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(f"blocks or parentheses are nested more than {MAX_NESTING} deep")

    # Templates

    def parse_all(self) -> None:
        """Read to the end of the source."""
        root = BlockNode(self._peek().at)
        while self._peek().kind is not TokenKind.EOF:
            if self._peek().kind is TokenKind.LEFT:
                left = self._next()
                word = self._next_non_space()
                if word.is_keyword("define"):
                    self._definition()
                    continue
                self._pending += [word, left]
            node = self._text_or_action()
            if isinstance(node, EndNode | ElseNode):
                raise self._error(f"unexpected {node}")
            root.nodes.append(node)
        self._add(MAIN, root)

    def _add(self, name: str, root: BlockNode) -> None:
        present = self._templates.get(name)
        if present is None or is_blank(present):
            self._templates[name] = root
        elif not is_blank(root):
            raise self._error(f"template: multiple definition of template {quote(name)}")

    def _inner(self) -> "Parser":
        return Parser(self._lexer, self._functions, self._templates, nesting=self._nesting)

    def _definition(self) -> None:
        self._inner().parse_definition()

    def parse_definition(self) -> None:
        """Read the rest of a `define` after its keyword."""
        context = "define clause"
        name = self._name(self._next_non_space(), context)
        self._expect(TokenKind.RIGHT, context)
        self.parse_body(name, context)

    def parse_body(self, name: str, context: str) -> None:
        """Read to the `end` of a template that began outside, and add it."""
        root, end = self._list()
        if not isinstance(end, EndNode):
            raise self._error(f"unexpected {end} in {context}")
        self._add(name, root)

    def _name(self, token: Token, context: str) -> str:
        if token.kind is not TokenKind.STRING:
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _unquoted(self, token: Token) -> str:
        value = unquote(token.text)
        if value is None:
            raise self._error("invalid syntax")
        return value

    # Blocks

    def _list(self) -> tuple[BlockNode, EndNode | ElseNode]:
        self._enter()
        block = BlockNode(self._peek_non_space().at)
        while self._peek_non_space().kind is not TokenKind.EOF:
            node = self._text_or_action()
            if isinstance(node, EndNode | ElseNode):
                self._nesting -= 1
                return block, node
            block.nodes.append(node)
        raise self._error("unexpected EOF")

    def _text_or_action(self) -> Node:
        token = self._next_non_space()
        if token.kind is TokenKind.TEXT:
            return TextNode(token.at, token.text)
        if token.kind is not TokenKind.LEFT:
            raise self._unexpected(token, "input")
        self._action_line = token.line
        node = self._action()
        self._action_line = 0
        return node

    def _action(self) -> Node:
        token = self._next_non_space()
        if token.kind is TokenKind.KEYWORD and token.text != "define":
            return self._control(token)
        self._pending.append(token)
        return ActionNode(self._peek().at, self._pipeline("command", TokenKind.RIGHT))

    def _control(self, token: Token) -> Node:
        match token.text:
            case "if" | "with" | "range":
                return self._branch(token.text)
            case "end":
                return EndNode(self._expect(TokenKind.RIGHT, "end").at)
            case "else":
                return self._else()
            case "template":
                return self._call()
            case "block":
                return self._block()
            case _:
                return self._jump(token)

    def _jump(self, token: Token) -> JumpNode:
        following = self._next_non_space()
        if following.kind is not TokenKind.RIGHT:
            raise self._unexpected(following, f"{{{{{token.text}}}}}")
        if not self._ranges:
            raise self._error(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return JumpNode(token.at, token.text)

    def _else(self) -> ElseNode:
        token = self._peek_non_space()
        if token.is_keyword("if") or token.is_keyword("with"):
            return ElseNode(token.at)
        return ElseNode(self._expect(TokenKind.RIGHT, "else").at)

    def _branch(self, keyword: str) -> BranchNode:
        outer = len(self._variables)
        pipe = self._pipeline(keyword, TokenKind.RIGHT)
        self._ranges += keyword == "range"
        body, end = self._list()
        self._ranges -= keyword == "range"
        else_block = None
        if isinstance(end, ElseNode):
            else_block = self._else_control(keyword, end)
        del self._variables[outer:]
        return BranchNode(pipe.at, keyword, pipe, body, else_block)

    def _else_control(self, keyword: str, start: ElseNode) -> BlockNode:
        if keyword != "range" and self._peek().is_keyword(keyword):  # `else if`, `else with`: the end is shared
            self._next()
            self._enter()
            block = BlockNode(start.at, [self._branch(keyword)])
            self._nesting -= 1
            return block
        block, end = self._list()
        if not isinstance(end, EndNode):
            raise self._error(f"expected end; found {end}")
        return block

    def _call(self) -> TemplateNode:
        context = "template clause"
        token = self._next_non_space()
        name = self._name(token, context)
        pipe = None
        following = self._next_non_space()
        if following.kind is not TokenKind.RIGHT:
            self._pending.append(following)
            pipe = self._pipeline(context, TokenKind.RIGHT)
        return TemplateNode(token.at, name, pipe)

    def _block(self) -> TemplateNode:
        context = "block clause"
        token = self._next_non_space()
        name = self._name(token, context)
        pipe = self._pipeline(context, TokenKind.RIGHT)
        self._inner().parse_body(name, context)
        return TemplateNode(token.at, name, pipe)

    # Pipelines

    def _pipeline(self, context: str, end: TokenKind) -> PipeNode:
        pipe = PipeNode(self._peek_non_space().at)
        self._declarations(pipe, context)
        while True:
            token = self._next_non_space()
            if token.kind is end:
                break
            if token.kind not in OPERANDS:
                raise self._unexpected(token, context)
            self._pending.append(token)
            pipe.commands.append(self._command())
        if not pipe.commands:
            raise self._error(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], _NOT_EXECUTABLE):
                raise self._error(f"non executable command in pipeline stage {stage}")
        return pipe

    def _declarations(self, pipe: PipeNode, context: str) -> None:
        while self._peek_non_space().kind is TokenKind.VARIABLE:
            variable = self._next()
            after = self._peek()
            following = self._peek_non_space()
            comma = following.kind is TokenKind.CHAR and following.text == ","
            if following.kind not in (TokenKind.ASSIGN, TokenKind.DECLARE) and not comma:
                if after.kind is TokenKind.SPACE:
                    self._pending.append(after)
                self._pending.append(variable)
                return
            self._next_non_space()
            pipe.variables.append(VariableNode(variable.at, tuple(variable.text.split("."))))
            self._variables.append(variable.text)
            if not comma:
                pipe.assigns = following.kind is TokenKind.ASSIGN
                return
            if context != "range" or len(pipe.variables) >= 2:
                raise self._error(f"too many declarations in {context}")
            if self._peek_non_space().kind not in (TokenKind.VARIABLE, TokenKind.RIGHT, TokenKind.CLOSE):
                raise self._error("range can only initialize variables")

    def _command(self) -> CommandNode:
        command = CommandNode(self._peek_non_space().at)
        while True:
            self._peek_non_space()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = self._next()
            if token.kind is TokenKind.SPACE:
                continue
            if token.kind in (TokenKind.RIGHT, TokenKind.CLOSE):
                self._pending.append(token)
            elif token.kind is not TokenKind.PIPE:
                raise self._unexpected(token, "operand")
            break
        if not command.args:
            raise self._error("empty command")
        return command

    def _operand(self) -> Node | None:
        term = self._term()
        if term is None or self._peek().kind is not TokenKind.FIELD:
            return term
        chain = ChainNode(self._peek().at, term, [])
        while self._peek().kind is TokenKind.FIELD:
            chain.names.append(self._next().text[1:])
        if isinstance(term, FieldNode):
            return FieldNode(chain.at, term.names + tuple(chain.names))
        if isinstance(term, VariableNode):
            return VariableNode(chain.at, term.names + tuple(chain.names))
        if isinstance(term, _NOT_EXECUTABLE):
            raise self._error(f"unexpected . after term {quote(str(term))}")
        return chain

    def _term(self) -> Node | None:
        token = self._next_non_space()
        match token.kind:
            case TokenKind.IDENTIFIER:
                if token.text not in self._functions:
                    raise self._error(f"function {quote(token.text)} not defined")
                return IdentifierNode(token.at, token.text)
            case TokenKind.DOT:
                return DotNode(token.at)
            case TokenKind.NIL:
                return NilNode(token.at)
            case TokenKind.FIELD:
                return FieldNode(token.at, (token.text[1:],))
            case TokenKind.BOOL:
                return BoolNode(token.at, token.text == "true")
            case TokenKind.STRING:
                return StringNode(token.at, token.text, self._unquoted(token))
            case TokenKind.VARIABLE | TokenKind.CHARACTER | TokenKind.COMPLEX | TokenKind.NUMBER | TokenKind.OPEN:
                return self._compound(token)
        self._pending.append(token)
        return None

    def _compound(self, token: Token) -> Node:
        if token.kind is TokenKind.OPEN:
            self._enter()
            pipe = self._pipeline("parenthesized pipeline", TokenKind.CLOSE)
            self._nesting -= 1
            return pipe
        if token.kind is TokenKind.VARIABLE:
            if token.text not in self._variables:
                raise self._error(f"undefined variable {quote(token.text)}")
            return VariableNode(token.at, (token.text,))
        readers = {TokenKind.CHARACTER: numbers.read_char, TokenKind.COMPLEX: numbers.read_complex}
        try:
            return readers.get(token.kind, numbers.read_number)(token.at, token.text)
        except numbers.BadNumber as error:
            raise self._error(str(error)) from None


def is_blank(block: BlockNode) -> bool:
    """Return True for a block with nothing but white space."""
    return all(isinstance(node, TextNode) and not node.text.strip() for node in block.nodes)
