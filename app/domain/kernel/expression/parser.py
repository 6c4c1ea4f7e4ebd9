"""Tokens to a syntax tree, by precedence climbing. Its depth and size are bounded while it grows.

It reads a subset of CEL's grammar: no maps, indexes, messages or chained comparisons.
"""

from typing import TypeVar

from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.lexer import END, NAME, NUMBER, TEXT, Token, number, text, tokens
from app.domain.kernel.expression.limits import MAX_DEPTH, MAX_LIST, MAX_NODES
from app.domain.kernel.expression.syntax import (
    Binary,
    Chain,
    Conditional,
    Invocation,
    Listed,
    Literal,
    Name,
    Path,
    Syntax,
    Unary,
)

S = TypeVar("S", bound=Syntax)

COMPARISON = 3
PRECEDENCE = {
    "||": 1, "&&": 2,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "in": COMPARISON,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5,
}  # fmt: skip
WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_TOKENS_AS_WORDS = frozenset({*WORDS, "in"})
_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package"}
    | {"namespace", "return", "var", "void", "while"}
)


def parse(source: str) -> Syntax:
    parser = _Parser(tokens(source))
    tree = parser.expression(0)
    if parser.token.kind != END:
        raise parser.unexpected("the end, or an operator such as &&")
    return tree


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._nodes = 0
        self.token = found[0]

    def expression(self, depth: int) -> Syntax:
        """`depth` counts what encloses it: it bounds the recursion, as heights bound the tree."""
        if depth > MAX_DEPTH:
            raise self._too_deep(self.token.start, self.token.end)
        condition = self._operation(1, depth)
        if self.token.text != "?":
            return condition
        self._next()
        then = self._operation(1, depth + 1)
        self._expect(":")
        otherwise = self.expression(depth + 1)
        node = Conditional(condition, then, otherwise, condition.start, otherwise.end)
        return self._admit(node, (condition, then, otherwise))

    def _operation(self, precedence: int, depth: int) -> Syntax:
        left = self._unary(depth)
        while (found := PRECEDENCE.get(self.token.text, 0)) >= precedence:
            operator = self._next().text
            right = self._operation(found + 1, depth)
            left = self._joined(operator, left, right)
            if found == COMPARISON and PRECEDENCE.get(self.token.text) == COMPARISON:
                message = "Comparisons cannot be chained; join two of them with &&."
                raise self._refused(message, self.token, expected="&&")
        return left

    def _joined(self, operator: str, left: Syntax, right: Syntax) -> Syntax:
        if operator not in ("&&", "||"):
            return self._admit(Binary(operator, left, right, left.start, right.end), (left, right))
        sides = _parts(operator, left), _parts(operator, right)
        self._nodes -= sum(len(one) > 1 for one in sides)  # a longer chain is no further node
        parts = (*sides[0], *sides[1])
        return self._admit(Chain(operator, parts, left.start, right.end), parts)

    def _unary(self, depth: int) -> Syntax:
        """Two equal signs in a row cancel out, as in CEL."""
        first = self.token
        operator = first.text
        if operator not in ("!", "-"):
            return self._member(depth)
        count = 0
        while self.token.text == operator:
            self._next()
            count += 1
        if count > MAX_DEPTH:
            raise self._too_deep(first.start, self.token.start)
        operand = self._member(depth)
        if count % 2 == 0:
            return operand
        if operator == "-" and count == 1 and isinstance(operand, Literal) and self._taken.kind == NUMBER:
            return Literal(-number(self._taken), first.start, operand.end)
        return self._admit(Unary(operator, operand, first.start, operand.end), (operand,))

    def _member(self, depth: int) -> Syntax:
        node = self._primary(depth)
        while self.token.text == ".":
            self._next()
            name = self._name(after_dot=True)
            if self.token.text == "(":
                arguments = self._enclosed("(", ")", depth)
                called = Invocation(name, node, arguments, node.start, self._taken.end)
                node = self._admit(called, (node, *arguments))
            elif isinstance(node, Path):
                node = Path((*node.names, name), node.start, name.end)
                if len(node.names) > MAX_DEPTH:
                    raise self._too_deep(node.start, node.end)
            else:
                message = "Only records have fields; this is a value. Call a function on it, or take the name away."
                raise ExpressionError("notHere", message, name.start, name.end, found=name.text[:40])
        return node

    def _primary(self, depth: int) -> Syntax:
        token = self.token
        if token.text == "(":
            self._next()
            inner = self.expression(depth + 1)
            inner.start, inner.end = token.start, self._expect(")").end
            return inner
        if token.text == "[":
            items = self._enclosed("[", "]", depth)
            return self._admit(Listed(items, token.start, self._taken.end), items)
        if token.kind in (NUMBER, TEXT):
            self._next()
            value = number(token) if token.kind == NUMBER else text(token)
            return self._admit(Literal(value, token.start, token.end), ())
        if token.text in WORDS:
            self._next()
            return self._admit(Literal(WORDS[token.text], token.start, token.end), ())
        return self._named(depth)

    def _named(self, depth: int) -> Syntax:
        name = self._name(after_dot=False)
        if self.token.text == "(":
            arguments = self._enclosed("(", ")", depth)
            return self._admit(Invocation(name, None, arguments, name.start, self._taken.end), arguments)
        return self._admit(Path((name,), name.start, name.end), ())

    def _name(self, *, after_dot: bool) -> Name:
        token = self.token
        if token.kind != NAME or token.text in _TOKENS_AS_WORDS:
            raise self.unexpected("a name" if after_dot else "a field, a value or a function")
        if token.text in _RESERVED and not after_dot:
            message = f"The word {token.text} is reserved; write record.{token.text} for a field of this name."
            raise self._refused(message, token)
        self._next()
        return Name(token.text, token.start, token.end)

    def _enclosed(self, opening: str, closing: str, depth: int) -> tuple[Syntax, ...]:
        start = self._expect(opening).start
        items: list[Syntax] = []
        while self.token.text != closing:
            if items:
                self._expect(",", closing)
            items.append(self.expression(depth + 1))
            if len(items) > MAX_LIST:
                raise ExpressionError("listTooLong", f"List at most {MAX_LIST} values.", start, self._taken.end)
        self._next()
        return tuple(items)

    @property
    def _taken(self) -> Token:
        return self._tokens[self._at - 1]

    def _next(self) -> Token:
        taken = self.token
        self._at += 1
        self.token = self._tokens[self._at]
        return taken

    def _expect(self, text: str, alternative: str = "") -> Token:
        if self.token.text != text:
            raise self.unexpected(f"{text} or {alternative}" if alternative else text)
        return self._next()

    def _admit(self, node: S, children: tuple[Syntax, ...]) -> S:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"Use at most {MAX_NODES} fields, values and operators; split it into several expressions."
            raise ExpressionError("tooComplex", message, node.start, node.end)
        if children:
            node.height = 1 + max([child.height for child in children])
            if node.height > MAX_DEPTH:
                raise self._too_deep(node.start, node.end)
        return node

    def unexpected(self, expected: str) -> ExpressionError:
        return self._refused(f"Here should stand {expected}.", self.token, expected)

    def _refused(self, message: str, token: Token, expected: str | None = None) -> ExpressionError:
        found = token.text[:40] if token.kind != END else "end"
        return ExpressionError("syntax", message, token.start, token.end, found=found, expected=expected)

    def _too_deep(self, start: int, end: int) -> ExpressionError:
        message = f"Nest at most {MAX_DEPTH} deep; join conditions with && and || without parentheses."
        return ExpressionError("tooDeep", message, start, end)


def _parts(operator: str, node: Syntax) -> tuple[Syntax, ...]:
    return node.parts if isinstance(node, Chain) and node.operator == operator else (node,)
