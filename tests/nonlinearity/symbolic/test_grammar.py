"""The grammar: what it means, and that hostile text is refused quickly, with token and column."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualact.errors import DualactError, PluginError
from dualact.nonlinearity.symbolic.evaluation import Tape, values
from dualact.nonlinearity.symbolic.grammar import FUNCTIONS, MAX_DEPTH, MAX_LENGTH, parse

T = np.array([-2.3, -1.0, -0.4, 0.0, 0.7, 1.0, 3.1])


def value(text, t=T, **params):
    return values(Tape.of(parse(text, params)), np.asarray(t, dtype=float))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*x", 1 + 2 * T),
        ("-x**2", -(T**2)),
        ("2**-x", 2.0**-T),
        ("2^3^2 + 0*x", np.full_like(T, 512.0)),
        ("1 - 2 - 3 + x", T - 4),
        ("8/2/2*x", 2 * T),
        ("x*-3", -3 * T),
        ("--x", T),
        (".5e1*x + 1.", 5 * T + 1),
        ("pi*x + e - E", math.pi * T),
        ("t**3", T**3),
        ("Max(x, 0, -x)", np.abs(T)),
        ("min(x, 1)", np.minimum(T, 1)),
        ("relu(x) - abs(x) + Abs(x)", np.maximum(T, 0)),
        ("clip(x, -1, 1)", np.clip(T, -1, 1)),
        ("where(x > 0, x, 2*x)", np.where(T > 0, T, 2 * T)),
        ("where(0 <= x < 1, 5, x)", np.where((T >= 0) & (T < 1), 5, T)),
        ("where(x < -1 or x > 1, 0, x)", np.where((T < -1) | (T > 1), 0, T)),
        ("where((x > -1) & (x < 1), 1, 0)", np.where((T > -1) & (T < 1), 1, 0)),
        ("where(not x > 0, 1, 2)", np.where(T > 0, 2, 1)),
        ("where(x == 0, 7, x)", T),
        ("where(x != 0, x, 7)", T),
        ("Piecewise((x, x < 0), (x**2, True))", np.where(T < 0, T, T**2)),
        ("Piecewise((1, x < 0), (2, x < 1), (3, x >= 1))", np.select([T < 0, T < 1], [1, 2], 3)),
        ("sign(x) + Heaviside(x)", np.sign(T) + 0.5 * (np.sign(T) + 1)),
        ("sqrt(x**2)", np.abs(T)),
        ("(x**2)**1.5", np.abs(T) ** 3),
        ("log(exp(x))", T),
        ("pow(x, 2)", T**2),
        ("exp(log1p(expm1(x)))", np.exp(T)),
    ],
)
def test_meaning(text, expected):
    np.testing.assert_allclose(value(text), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"clip", "pow", "max", "Max", "min", "Min"}))
def test_functions_have_their_usual_meaning(name):
    import sympy

    known = {
        "Phi": lambda u: (1 + sympy.erf(u / sympy.sqrt(2))) / 2,
        "sigmoid": lambda u: 1 / (1 + sympy.exp(-u)),
    }
    known |= {"softplus": lambda u: sympy.log(1 + sympy.exp(u)), "relu": lambda u: sympy.Max(u, 0)}
    known |= {
        "log1p": lambda u: sympy.log(1 + u),
        "expm1": lambda u: sympy.exp(u) - 1,
        "square": lambda u: u**2,
    }
    known |= {
        "logistic": known["sigmoid"],
        "step": sympy.Heaviside,
        "heaviside": sympy.Heaviside,
        "abs": sympy.Abs,
    }
    plain = name.replace("arc", "a")
    function = known.get(plain) or getattr(sympy, plain)
    points = (
        [1.2, 2.5] if plain == "acosh" else [0.2, 0.9] if plain in ("log", "ln", "sqrt") else [-0.6, 0.2, 0.9]
    )
    expected = [float(function(sympy.Float(p, 30))) for p in points]
    np.testing.assert_allclose(value(f"{name}(x)", points), expected, rtol=1e-15, atol=1e-16)


def test_parameters():
    np.testing.assert_array_equal(value("a*x + slope", a=2, slope=np.float64(0.5)), 2 * T + 0.5)


HOSTILE = [
    ("__import__('os').system('true')", 1, "unknown function '__import__'"),
    ("x.__class__", 2, r"'\.' is not part of the grammar"),
    ("x.real", 2, r"'\.' is not part"),
    ("np.tanh(x)", 3, r"'\.' is not part"),
    ("lambda x: x", 1, "unknown name 'lambda'"),
    ("[x for x in (1,2)]", 1, r"'\[' is not part"),
    ("{x}", 1, r"'\{' is not part"),
    ("f'{x}'", 2, '"\'" is not part'),
    ("'a'*x", 1, '"\'" is not part'),
    ("(x := 3)", 4, "':' is not part"),
    ("x = 3", 3, "'=' is not part"),
    ("x; x", 2, "';' is not part"),
    ("x if x else 2", 3, "expected an operator .* Got 'if'"),
    ("eval(x)", 1, "unknown function 'eval'"),
    ("x\x00", 2, r"'\\x00' is not part"),
    ("x\u200b+1", 2, r"'\\u200b' is not part"),
    ("\uff58 + 1", 1, r"'\\uff58' is not part"),
    ("x*\u0663", 3, r"'\\u0663' is not part"),
    ("x\\", 2, "is not part"),
    ("x @ x", 3, "'@' is not part"),
    ("x // 2", 4, "expected a number, x, a function or '\\('. Got '/'"),
    ("x % 2", 3, "'%' is not part"),
    ("~x", 1, "'~' is not part"),
    ("9**9**9", 2, r"'\*\*' gives a constant too large"),
    ("2**99999", 2, r"'\*\*' gives a constant too large"),
    ("x**9**9", 2, r"'\*\*' gives the exponent 3.8742e\+08, beyond ±100"),
    ("(x**50)**50", 8, r"the exponent 2500, beyond"),
    ("1e999", 1, "'1e999' gives a constant beyond the range of float64"),
    ("9" * 41, 1, "the number '9+'... has 41 characters"),
    ("v" * 41, 1, "the name 'v+'... has 41 characters"),
    ("1/0", 2, "'/' gives division by zero"),
    ("x/(x-x)", 2, "'/' gives division by zero"),
    ("log(-1)", 1, r"'log' gives log\(-1\), which is no finite real number"),
    ("log(0)*x", 1, "'log' gives"),
    ("sqrt(-2)", 1, "'sqrt' gives a fractional power of a negative number"),
    ("(-8)**(1/3)", 5, "a fractional power of a negative number"),
    ("exp(1000)", 1, "'exp' gives exp"),
    ("(" * 100_000 + "x" + ")" * 100_000, MAX_DEPTH + 1, r"'\(' nests deeper than 40 levels"),
    ("-" * 1000 + "x", MAX_DEPTH + 1, "'-' nests deeper"),
    ("sin(" * 500 + "x" + ")" * 500, None, "nests deeper than 40"),
    ("x**" * 600 + "1", None, "nests deeper than 40"),
    ("x+" * 400 + "x", None, "more than 600 tokens"),
    (" " * 3000 + "x", MAX_LENGTH + 1, "longer than 2000 characters"),
    ("x" * 10_000_000, 1, "the name 'x+'... has"),
    ("", 1, "the text is empty"),
    (" ", 1, "the text is empty"),
    ("x +", 4, "expected a number.* Got the end of the text"),
    ("(x", 3, r"expected '\)' to close '\(' of column 1. Got the end"),
    ("x)", 2, r"Got '\)'"),
    ("2x", 2, r"a product is written 2\*x\). Got 'x'"),
    ("sin x", 1, "the function 'sin' needs its argument in parentheses"),
    ("sin(x, x)", 1, r"'sin' takes 1 argument\(s\). Got 2"),
    ("max()", 1, "'max' takes at least 1"),
    ("where(x > 0, x)", 1, r"'where' takes 3 argument\(s\). Got 2"),
    ("where(x, 1, 2)", 7, "a number stands where a condition is needed"),
    ("x > 0", 1, "a condition stands where a number is needed"),
    ("1 + (x > 0)", 5, "a condition stands where a number is needed"),
    ("True", 1, "a condition stands where a number"),
    ("Piecewise(x, x > 0)", 11, r"expected '\(' to open a pair"),
    ("Piecewise((x, x))", 15, "a number stands where a condition"),
    ("Piecewise()", 1, "takes at least 1 pair"),
    ("x + t", 5, "both x and t occur"),
    ("alpha*x", 1, r"unknown name 'alpha'.*\(none was given\). Pass its value: alpha=..."),
    ("sin(x", 6, r"expected ',' or '\)' in the arguments of 'sin' \(column 1\)"),
]


@pytest.mark.parametrize(("text", "column", "problem"), HOSTILE, ids=[ascii(t[:20]) for t, _, _ in HOSTILE])
def test_refusals_name_token_and_column_quickly(text, column, problem):
    start = time.perf_counter()
    where = "" if column is None else f"column {column}: "
    with pytest.raises(PluginError, match=f"^expression .*{where}.*{problem}"):
        parse(text)
    assert time.perf_counter() - start < 0.5


def test_messages_stay_short():
    with pytest.raises(PluginError) as caught:
        parse("(" * 10**6)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"b": 1.0}, "parameter 'b' does not occur"),
        ({"x": 1.0}, "parameter 'x' has the name of a word of the grammar"),
        ({"tanh": 1.0}, "parameter 'tanh' has the name of a word"),
        ({"a": math.nan}, "parameter 'a' must be a finite real number. Got 'nan'"),
        ({"a": "3"}, "parameter 'a' must be a finite real number"),
        ({"a": True}, "parameter 'a' must be a finite real number"),
        ({"a": 10**400}, "parameter 'a' must be a finite real number"),
        ({"a": 1j}, "parameter 'a' must be a finite real number"),
        ({"é": 1.0}, "needs a plain ASCII name"),
    ],
)
def test_parameters_are_checked(params, problem):
    with pytest.raises(PluginError, match=problem):
        parse("a*x" if "a" in params else "x", params)


def test_not_text():
    with pytest.raises(PluginError, match=r"the text must be a str\. Got bytes"):
        parse(b"x")


WORDS = [
    "x",
    "t",
    "1",
    "2.5",
    "1e308",
    "pi",
    "a",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "**",
    "<",
    ">=",
    "==",
    "and",
]
WORDS += [
    "not",
    "True",
    "Piecewise",
    "where",
    "max",
    "exp",
    "log",
    "sqrt",
    "sign",
    "__import__",
    ".",
    "'",
    "\x00",
]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)))
def test_nothing_but_dualact_errors(text):
    try:
        tree = parse(text, {"a": 0.5} if "a" in text.split() else {})
    except DualactError:
        return
    assert values(Tape.of(tree), T).shape == T.shape
