"""Expressions are data: any text is parsed or refused, in bounded time, and never run."""

from __future__ import annotations

import numpy as np
import pytest
from effort import times
from hostile import Refused, attempt, scalars
from hypothesis import given
from hypothesis import strategies as st

import dualact as da

TOKENS = """x t pi e E 1 2 0.5 1e400 10**9 + - * / ** ^ ( ) , < > <= == and or not exp log tanh sqrt abs Max
Min sign erf sin Piecewise Heaviside lambda __import__ . ; : [ ] { } ' " \\ @ ! = ~ % & | é ² ０"""
WORDS = [*TOKENS.split(), "\0", "\n", "\u200b"]
#: Legal texts that ask for trouble: poles, overflow, jumps, no square-integrable slope, huge powers.
TROUBLE = [
    "1/x",
    "log(x)",
    "sqrt(x)",
    "exp(x**2)",
    "exp(exp(x))",
    "x**x",
    "x**99999",
    "tan(x)",
    "1/(x-1)",
    "sin(1/x)",
    "sin(1e9*x)",
    "0*x",
    "0/0*x",
    "1e308*x*1e308",
    "sign(x)*x**0.5",
    "Max(x, 1e300)",
    "x - x",
    "x" + "+x" * 250,
    "(" * 39 + "x" + ")" * 39,
    "(" * 5000 + "x" + ")" * 5000,
    "x" * 3000,
    "-" * 700 + "x",
    "x**2**2**2**2",
    "x**" * 50 + "2",
    "exp(" * 39 + "x" + ")" * 39,
]


@times(20)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_words_in_any_order(text):
    act = attempt(lambda: da.from_expression("mine", text))
    if not isinstance(act, Refused):
        assert act(np.array([0.5, 2.0])).shape == (2,)


@times(10)
@given(st.text(max_size=40))
def test_any_text(text):
    attempt(lambda: da.from_expression("mine", text))
    attempt(lambda: da.activation(text))


@pytest.mark.parametrize("text", TROUBLE, ids=lambda text: text[:20])
def test_troublesome_functions(text):
    with np.errstate(all="ignore"):
        act = attempt(lambda: da.from_expression("mine", text))
        if isinstance(act, Refused):
            assert isinstance(act.error, da.DualactError)
            return
        for function in (da.dual, da.dual_prime):
            value = attempt(lambda function=function: function(act, 0.5, 1.0, 1.0), 0.5)
            assert isinstance(value, Refused) or value > -np.inf
        attempt(lambda: da.kernel(da.mlp(1, act), np.eye(2)), 1.0)


@times(4)
@given(st.dictionaries(st.sampled_from(["a", "b", "x", "pi", "exp", "__class__", "e"]), scalars, max_size=2))
def test_parameters(params):
    attempt(lambda: da.from_expression("mine", "a*x + exp(b)", **params))
    attempt(lambda: da.activation("leaky_relu", **params))
