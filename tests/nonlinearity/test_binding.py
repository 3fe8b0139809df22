"""Parameters: read off signatures, checked, and brought to one plain form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualact.errors import DualactError, PluginError
from dualact.nonlinearity.binding import Parameter, bind, describe, parameters_of

THING = object()


class Opaque:
    __signature__ = "none"

    def __call__(self): ...


def annotated(a: float, b: int = 3, c: bool = False, d: str = "x", e: tuple[float, ...] = (1, 2)):
    """A factory whose annotations (strings here) say what is expected."""


def bare(a, b=3, c=False, d="x", e=(1, 2), f=0.5, g=None, h=[1.0]):  # noqa: B006
    """A factory whose defaults say it."""


def test_the_kinds_come_from_annotations_and_else_from_defaults():
    assert [(p.name, p.kind) for p in parameters_of(annotated, "")] == [
        ("a", "float"),
        ("b", "int"),
        ("c", "bool"),
        ("d", "str"),
        ("e", "tuple"),
    ]
    assert [p.kind for p in parameters_of(bare, "")] == [
        "any",
        "number",
        "bool",
        "str",
        "tuple",
        "float",
        "any",
        "tuple",
    ]


def test_annotations_that_are_objects_read_as_those_that_are_text():
    def factory(a, b, c, d): ...

    factory.__annotations__ = {"a": float, "b": Sequence[int], "c": float | None, "d": list}
    assert [(p.kind, p.items) for p in parameters_of(factory, "")] == [
        ("float", "any"),
        ("tuple", "int"),
        ("any", "any"),
        ("tuple", "number"),
    ]


def test_defaults_are_plain_and_printed():
    legal = parameters_of(annotated, "")
    assert legal[4].default == (1.0, 2.0)
    assert describe(legal) == "Its parameters: a (required), b=3, c=False, d='x', e=(1.0, 2.0)."
    assert describe(()) == "It takes no parameters."


@pytest.mark.parametrize(
    ("kind", "value", "plain"),
    [
        ("float", 1, 1.0),
        ("float", np.float32(0.5), 0.5),
        ("float", np.array(2), 2.0),
        ("float", Fraction(1, 4), 0.25),
        ("float", math.inf, math.inf),
        ("int", 3.0, 3),
        ("int", np.int8(3), 3),
        ("number", np.float64(2), 2),
        ("number", 2.5, 2.5),
        ("bool", np.True_, True),
        ("str", np.str_("a"), "a"),
        ("tuple", [1, 2.0, np.float64(0.5)], (1, 2, 0.5)),
        ("tuple", np.arange(3), (0, 1, 2)),
        ("tuple", range(2), (0, 1)),
        ("any", None, None),
        ("any", 4.0, 4),
        ("any", True, True),
        ("any", [[1, "a"], None], ((1, "a"), None)),
    ],
)
def test_values_leave_in_one_plain_form(kind, value, plain):
    result = Parameter("p", kind=kind).normalise(value)
    assert result == plain
    assert type(result) is type(plain)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("float", "1", "a number"),
        ("float", True, "a number"),
        ("float", math.nan, "a number"),
        ("float", 1j, "a number"),
        ("float", 10**400, "a number"),
        ("float", [1.0], "a number"),
        ("float", None, "a number"),
        ("int", 2.5, "an integer"),
        ("int", math.inf, "an integer"),
        ("int", np.True_, "an integer"),
        ("number", "3", "a number"),
        ("bool", 1, "True or False"),
        ("str", 1, "a string"),
        ("tuple", 1.0, "a sequence of numbers"),
        ("tuple", "12", "a sequence of numbers"),
        ("tuple", ["1"], "a sequence of numbers"),
        ("any", object(), "a number, a string, a bool, None, or a sequence of these"),
        ("any", {"a": 1}, "a number, a string, a bool, None, or a sequence of these"),
        ("any", math.nan, "a number"),
    ],
)
def test_values_of_the_wrong_type_are_refused(kind, value, expected):
    legal = (Parameter("p", 1.0, kind=kind, items="number"),)
    with pytest.raises(DualactError, match=f"p must be {expected}") as caught:
        bind("activation 'x'", legal, {"p": value})
    assert str(caught.value).startswith("activation 'x': p must be")
    assert str(caught.value).endswith("Its parameters: p=1.0.")


@given(st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False)))
def test_equal_numbers_become_the_same_plain_value(x):
    twins = [x, float(x), np.float64(x), np.array(x)]
    for kind in ("float", "number", "any"):
        plain = {repr(Parameter("p", kind=kind).normalise(t)).replace("-0.0", "0.0") for t in twins}
        assert len(plain) == 1


def test_bind_fills_in_defaults_in_the_order_of_the_signature():
    legal = parameters_of(annotated, "")
    assert list(bind("x", legal, {"d": "y", "a": 1}).items()) == [
        ("a", 1.0),
        ("b", 3),
        ("c", False),
        ("d", "y"),
        ("e", (1.0, 2.0)),
    ]


def test_an_unknown_parameter_is_refused_with_the_legal_ones():
    legal = (Parameter("slope", 0.01, "float"),)
    with pytest.raises(DualactError) as caught:
        bind("activation 'leaky_relu'", legal, {"slop": 0.2})
    assert str(caught.value) == (
        "activation 'leaky_relu' has no parameter 'slop'. Did you mean 'slope'? Its parameters: slope=0.01."
    )
    with pytest.raises(
        DualactError, match=r"^activation 'relu' has no parameter 'x'. It takes no parameters.$"
    ):
        bind("activation 'relu'", (), {"x": 0.2})


def test_a_missing_parameter_is_asked_for():
    legal = (Parameter("power", kind="int"), Parameter("scale", 1.0, "float"))
    with pytest.raises(DualactError) as caught:
        bind("activation 'monomial'", legal, {})
    assert str(caught.value) == (
        "activation 'monomial' needs a value for power. Its parameters: power (required), scale=1.0."
    )


def test_a_fixed_parameter_takes_its_own_value_only():
    legal = (Parameter("a", 2.0, fixed=True),)
    assert bind("x", legal, {"a": 2}) == {"a": 2}
    with pytest.raises(
        DualactError, match=r"x: a is fixed at 2.0, because a ready-made Activation .* Got 3."
    ):
        bind("x", legal, {"a": 3})


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (
            lambda *args: None,
            r"W: the factory's parameter '\*args' is variadic positional; parameters are passed",
        ),
        (lambda **kwargs: None, r"W: the factory's parameter '\*\*kwargs' is variadic keyword"),
        (lambda x, /: None, "W: the factory's parameter 'x' is positional-only"),
        (
            lambda name="a": None,
            "W: a parameter must not be called 'name', which is a key of stored networks",
        ),
        (lambda layer=1: None, "must not be called 'layer'"),
        (lambda x=THING: None, "W: the default of the parameter 'x' must be a number, a string"),
        (
            lambda x=math.nan: None,
            "the default of the parameter 'x' must be a number, because it is stored. Got nan",
        ),
        (Opaque(), "W: the signature of <.*Opaque.*> cannot be read"),
    ],
)
def test_factories_that_cannot_be_stored_are_refused(factory, message):
    with pytest.raises(PluginError, match=message):
        parameters_of(factory, "W")


def test_an_annotation_stricter_than_its_default_yields():
    def factory(a: float = None): ...  # noqa: RUF013

    (parameter,) = parameters_of(factory, "")
    assert (parameter.kind, parameter.default) == ("any", None)


def test_examples_are_legal_values_of_their_kind():
    def factory(a: float, b: float, c: int, d: bool, e: str, f: tuple[float, ...], g: list[int], h, i=7): ...

    legal = parameters_of(factory, "")
    examples = {p.name: p.example(i) for i, p in enumerate(legal)}
    assert bind("x", legal, examples) == examples
    assert examples["a"] != examples["b"]
    assert examples["i"] == 7
