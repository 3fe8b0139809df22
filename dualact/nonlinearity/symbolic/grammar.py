"""From text to tree: a tokenizer and a Pratt parser for expressions in one variable.

The text is data and is never executed: no ``eval``, no ``compile``, no attribute, no name outside the tables
below. Work is bounded before it is done: length, number of tokens, depth of nesting, size of numbers and of
exponents all have limits, and every refusal says which token, where and why.

Grammar, loosest first::

    condition   or |      and &      not      < <= > >= == != (chains as in Python)
    sum         + -
    product     * /
    sign        - +
    power       ** ^      (to the right; -x**2 is -(x**2))
    atom        number, x or t, pi, e or E, a parameter, f(...), (...)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import final

from ...errors import PluginError
from . import algebra as al
from .algebra import AlgebraError, Node

__all__ = ["CONSTANTS", "FUNCTIONS", "MAX_DEPTH", "MAX_LENGTH", "MAX_TOKENS", "parse", "shortened"]

MAX_LENGTH = 2000
MAX_TOKENS = 600
MAX_DEPTH = 40
MAX_DIGITS = 40

CONSTANTS = {"pi": math.pi, "e": math.e, "E": math.e}
VARIABLES = ("x", "t")
WORDS = ("and", "or", "not", "True", "False")

_TOKEN = re.compile(
    r"(?P<space>[ \t\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|[-+*/^(),<>&|])",
)


def _fold(head: str) -> Callable[..., Node]:
    def build(*args: Node) -> Node:
        result = args[0]
        for other in args[1:]:
            result = al.extremum(head, result, other)
        return result

    return build


def _phi(u: Node) -> Node:
    erf = al.apply("erf", al.mul(al.num(math.sqrt(0.5)), u))
    return al.mul(al.num(0.5), al.add(al.ONE, erf))


@final
@dataclass(frozen=True)
class Function:
    """A function of the grammar: how many arguments it takes and the tree it makes of them."""

    build: Callable[..., Node]
    least: int = 1
    most: int | None = 1


def _unary(head: str) -> Function:
    return Function(lambda u: al.apply(head, u))


FUNCTIONS: dict[str, Function] = {
    **{head: _unary(head) for head in sorted(al.UNARY)},
    "Abs": _unary("abs"),
    "heaviside": _unary("step"),
    "Heaviside": _unary("step"),
    "logistic": _unary("sigmoid"),
    "ln": _unary("log"),
    "arctan": _unary("atan"),
    "arcsin": _unary("asin"),
    "arccos": _unary("acos"),
    "arcsinh": _unary("asinh"),
    "arccosh": _unary("acosh"),
    "arctanh": _unary("atanh"),
    "sqrt": Function(lambda u: al.power(u, 0.5)),
    "square": Function(lambda u: al.power(u, 2.0)),
    "log1p": Function(lambda u: al.apply("log", al.add(al.ONE, u))),
    "expm1": Function(lambda u: al.add(al.apply("exp", u), al.num(-1.0))),
    "erfc": Function(lambda u: al.add(al.ONE, al.negate(al.apply("erf", u)))),
    "Phi": Function(_phi),
    "relu": Function(lambda u: al.extremum("max", u, al.ZERO)),
    "max": Function(_fold("max"), 1, None),
    "Max": Function(_fold("max"), 1, None),
    "min": Function(_fold("min"), 1, None),
    "Min": Function(_fold("min"), 1, None),
    "clip": Function(lambda u, lo, hi: al.extremum("min", al.extremum("max", u, lo), hi), 3, 3),
    "pow": Function(al.power_of, 2, 2),
}
_FORMS = ("where", "Piecewise")
_COMPARISONS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
# binding powers: left, and the one its right operand is parsed with
_BINDING = {
    "or": 10,
    "|": 10,
    "and": 20,
    "&": 20,
    "<": 40,
    "+": 50,
    "-": 50,
    "*": 60,
    "/": 60,
    "**": 80,
    "^": 80,
}
_BINDING |= dict.fromkeys(_COMPARISONS, 40)
_CONDITIONS = frozenset({"gt", "ge", "and", "or", "not", "true", "false"})


@final
@dataclass(frozen=True)
class Token:
    """A piece of the text and its column, counted from 1."""

    kind: str
    text: str
    column: int


def parse(text: str, params: Mapping[str, float] | None = None) -> Node:
    """Return the tree of an expression; parameters are replaced by their values.

    Parameters
    ----------
    text : str
        The expression, in the grammar of this module.
    params : mapping of str to float
        Values of the parameters that the text may name; each must be used.

    Returns
    -------
    Node
        The tree, simplified.

    Raises
    ------
    PluginError
        Naming the token that is refused, its column and the reason.

    Examples
    --------
    >>> from dualact.nonlinearity.symbolic.grammar import parse
    >>> parse("x / (1 + exp(-x))")
    mul(x, sigmoid(x))
    >>> parse("x.real")
    Traceback (most recent call last):
        ...
    dualact.errors.PluginError: expression 'x.real', column 2: '.' is not part of the grammar: ...
    """
    if not isinstance(text, str):
        raise PluginError(f"expression: the text must be a str. Got {type(text).__name__}.")
    return _Parser(text, dict(params or {})).whole()


def shortened(text: str) -> str:
    """Return a text for an error message: quoted, ASCII, at most 60 characters."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")


class _Parser:
    """One pass over one text."""

    def __init__(self, text: str, params: dict[str, float]) -> None:
        self.text, self.params = text, params
        self.depth = 0
        self.variable: str | None = None
        self.used: set[str] = set()
        self.stream = self.tokens()
        self._check_params()
        self.current = next(self.stream)

    def fail(self, column: int, problem: str) -> PluginError:
        return PluginError(f"expression {shortened(self.text)}, column {column}: {problem}")

    def _check_params(self) -> None:
        reserved = {*CONSTANTS, *VARIABLES, *WORDS, *FUNCTIONS, *_FORMS}
        for name, value in self.params.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
                raise PluginError(f"expression: a parameter needs a plain ASCII name. Got {name!a}.")
            if name in reserved:
                raise PluginError(
                    f"expression: the parameter {name!r} has the name of a word of the grammar."
                )
            try:
                good = not isinstance(value, bool | str | bytes) and math.isfinite(float(value))
            except (TypeError, ValueError, OverflowError):
                good = False
            if not good:
                raise PluginError(
                    f"expression: the parameter {name!r} must be a finite real number. Got {_repr(value)}."
                )

    def tokens(self) -> Iterator[Token]:
        position = count = 0
        while position < len(self.text):
            column = position + 1
            if column > MAX_LENGTH:
                raise self.fail(
                    column, f"longer than {MAX_LENGTH} characters; pass a Python function to from_function."
                )
            found = _TOKEN.match(self.text, position, MAX_LENGTH)
            if found is None:
                raise self.fail(
                    column,
                    f"{self.text[position]!a} is not part of the grammar: numbers, x, parameters, "
                    "+ - * / ** ^ ( ) , comparisons, and/or/not and the functions of "
                    "dualact.nonlinearity.symbolic.grammar.FUNCTIONS.",
                )
            position = found.end()
            kind = found.lastgroup or ""
            if kind == "space":
                continue
            count += 1
            if count > MAX_TOKENS:
                raise self.fail(column, f"more than {MAX_TOKENS} tokens; write it shorter.")
            word = found.group()
            if len(word) > MAX_DIGITS:
                what = "number" if kind == "number" else "name"
                raise self.fail(
                    column,
                    f"the {what} {shortened(word[:20])}... has {len(word)} characters; at most {MAX_DIGITS}.",
                )
            yield Token(kind, word, column)
        yield Token("end", "", len(self.text) + 1)

    def advance(self) -> Token:
        token = self.current
        self.current = next(self.stream)
        return token

    def expect(self, text: str, why: str) -> None:
        if self.current.text != text or self.current.kind == "end":
            raise self.unexpected(f"expected {text!r} {why}")
        self.advance()

    def unexpected(self, wish: str) -> PluginError:
        token = self.current
        got = "the end of the text" if token.kind == "end" else repr(token.text)
        return self.fail(token.column, f"{wish}. Got {got}.")

    def whole(self) -> Node:
        if self.current.kind == "end":
            raise self.fail(1, "the text is empty; write a function of x, for instance 'x*tanh(x)'.")
        node = self.number(self.parse(0), 1)
        if self.current.kind != "end":
            raise self.unexpected("expected an operator (a product is written 2*x)")
        unused = sorted(set(self.params) - self.used)
        if unused:
            raise PluginError(
                f"expression {shortened(self.text)}: the parameter {unused[0]!r} does not occur in it."
            )
        return node

    def number(self, node: Node, column: int) -> Node:
        if node.head in _CONDITIONS:
            raise self.fail(
                column, "a condition stands where a number is needed; write where(condition, a, b)."
            )
        return node

    def condition(self, node: Node, column: int) -> Node:
        if node.head not in _CONDITIONS:
            raise self.fail(column, "a number stands where a condition is needed, for instance x > 0.")
        return node

    def parse(self, floor: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(
                self.current.column, f"{self.current.text!r} nests deeper than {MAX_DEPTH} levels."
            )
        start = self.current.column
        left = self.prefix()
        while (binding := _BINDING.get(self.current.text, -1)) > floor:
            left = self.infix(left, start, binding)
        self.depth -= 1
        return left

    def prefix(self) -> Node:
        token = self.current
        if token.text in ("-", "+"):
            self.advance()
            operand = self.number(self.parse(70), token.column)
            return al.negate(operand) if token.text == "-" else operand
        if token.text == "not":
            self.advance()
            return al.connect("not", self.condition(self.parse(30), token.column))
        if token.text == "(":
            self.advance()
            inner = self.parse(0)
            self.expect(")", f"to close '(' of column {token.column}")
            return inner
        if token.kind == "number":
            self.advance()
            return self.guarded(token, lambda: al.num(float(token.text)))
        if token.kind == "name":
            return self.named(self.advance())
        raise self.unexpected("expected a number, x, a function or '('")

    def guarded(self, token: Token, build: Callable[[], Node]) -> Node:
        try:
            return build()
        except AlgebraError as problem:
            raise self.fail(token.column, f"{token.text!r} gives {problem}.") from None

    def named(self, token: Token) -> Node:
        name = token.text
        if self.current.text == "(":
            return self.call(token)
        if name in self.params:
            self.used.add(name)
            return al.num(float(self.params[name]))
        if name in CONSTANTS:
            return al.num(CONSTANTS[name])
        if name in ("True", "False"):
            return al.TRUE if name == "True" else al.FALSE
        if name in VARIABLES:
            if self.variable not in (None, name):
                raise self.fail(token.column, "both x and t occur; an activation has one variable.")
            self.variable = name
            return al.X
        if name in FUNCTIONS or name in _FORMS:
            raise self.fail(token.column, f"the function {name!r} needs its argument in parentheses.")
        raise self.fail(
            token.column,
            f"unknown name {name!r}; it is neither x, pi, e nor a parameter "
            f"({', '.join(map(repr, self.params)) or 'none was given'}). Pass its value: {name}=...",
        )

    def call(self, token: Token) -> Node:
        name = token.text
        if name == "Piecewise":
            return self.piecewise(token)
        if name != "where" and name not in FUNCTIONS:
            raise self.fail(
                token.column, f"unknown function {name!r}. Known: {', '.join([*FUNCTIONS, *_FORMS])}."
            )
        args = self.arguments(token)
        if name == "where":
            self.count(token, args, 3, 3)
            test = self.condition(*args[0])
            return al.choose(test, self.number(*args[1]), self.number(*args[2]))
        function = FUNCTIONS[name]
        self.count(token, args, function.least, function.most)
        numbers = [self.number(*a) for a in args]
        return self.guarded(token, lambda: function.build(*numbers))

    def count(self, token: Token, args: list[tuple[Node, int]], least: int, most: int | None) -> None:
        if len(args) < least or (most is not None and len(args) > most):
            wish = f"{least}" if most == least else f"at least {least}"
            raise self.fail(token.column, f"{token.text!r} takes {wish} argument(s). Got {len(args)}.")

    def arguments(self, token: Token) -> list[tuple[Node, int]]:
        self.expect("(", f"after {token.text!r}")
        args: list[tuple[Node, int]] = []
        while self.current.text != ")":
            if args:
                self.expect(",", f"or ')' in the arguments of {token.text!r} (column {token.column})")
            column = self.current.column
            args.append((self.parse(0), column))
        self.advance()
        return args

    def piecewise(self, token: Token) -> Node:
        self.expect("(", "after 'Piecewise'")
        pairs: list[tuple[Node, Node]] = []
        while self.current.text != ")":
            if pairs:
                self.expect(",", "between the pairs of Piecewise")
            self.expect("(", "to open a pair (value, condition) of Piecewise")
            column = self.current.column
            value = self.number(self.parse(0), column)
            self.expect(",", "between value and condition of a pair of Piecewise")
            column = self.current.column
            pairs.append((value, self.condition(self.parse(0), column)))
            self.expect(")", "to close a pair of Piecewise")
        self.advance()
        if not pairs:
            raise self.fail(token.column, "'Piecewise' takes at least 1 pair (value, condition). Got 0.")
        if len(pairs) > MAX_DEPTH:
            raise self.fail(token.column, f"'Piecewise' has more than {MAX_DEPTH} pairs.")
        result = al.UNDEFINED
        for value, test in reversed(pairs):
            result = al.choose(test, value, result)
        return result

    def infix(self, left: Node, start: int, binding: int) -> Node:
        token = self.advance()
        operator = token.text
        if operator in _COMPARISONS:
            return self.comparison(self.number(left, start), token)
        column = self.current.column
        right = self.parse(69 if binding == 80 else binding)
        if operator in ("and", "&", "or", "|"):
            head = "and" if operator in ("and", "&") else "or"
            return al.connect(head, self.condition(left, start), self.condition(right, column))
        self.number(left, start)
        self.number(right, column)
        return self.guarded(token, lambda: _ARITHMETIC[operator](left, right))

    def comparison(self, left: Node, token: Token) -> Node:
        tests: list[Node] = []
        while True:
            column = self.current.column
            right = self.number(self.parse(40), column)
            compare = partial(al.compare, _COMPARISONS[token.text], left, right)
            tests.append(self.guarded(token, compare))
            if self.current.text not in _COMPARISONS:
                return al.connect("and", *tests)
            left, token = right, self.advance()


_ARITHMETIC: dict[str, Callable[[Node, Node], Node]] = {
    "+": lambda a, b: al.add(a, b),
    "-": lambda a, b: al.add(a, al.negate(b)),
    "*": lambda a, b: al.mul(a, b),
    "/": lambda a, b: al.mul(a, al.power(b, -1.0)),
    "**": al.power_of,
    "^": al.power_of,
}


def _repr(value: object) -> str:
    try:
        return shortened(repr(value))
    except Exception:
        return type(value).__name__
