import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from dualact.errors import DualactError
from dualact.nonlinearity.contract import Activation
from dualact.registry.exponential_linear import celu, elu, selu
from dualact.registry.hard import hard_sigmoid, hard_swish, hard_tanh, relu6
from dualact.registry.prelu import prelu, rrelu, squared_relu
from dualact.registry.shrink import hardshrink, softshrink, threshold
from dualact.registry.sparse import sparse_plus, sparse_sigmoid

T = np.concatenate([np.linspace(-8, 8, 1601), [-0.5, 0.5, -1, 1, 0, 3, -3, 6]])
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805

DEFINITIONS = [
    (relu6, np.clip(T, 0, 6)),
    (hard_tanh, np.clip(T, -1, 1)),
    (hard_sigmoid, np.clip(T + 3, 0, 6) / 6),
    (hard_swish, T * np.clip(T + 3, 0, 6) / 6),
    (elu(), np.where(T > 0, T, np.expm1(np.minimum(T, 0)))),
    (elu(alpha=0.3), np.where(T > 0, T, 0.3 * np.expm1(np.minimum(T, 0)))),
    (celu(alpha=2.0), np.maximum(T, 0) + np.minimum(0, 2 * np.expm1(T / 2))),
    (selu, SCALE * np.where(T > 0, T, ALPHA * np.expm1(np.minimum(T, 0)))),
    (softshrink(), np.where(T > 0.5, T - 0.5, np.where(T < -0.5, T + 0.5, 0))),
    (softshrink(lambd=0.0), T),
    (hardshrink(), np.where(np.abs(T) > 0.5, T, 0)),
    (hardshrink(lambd=1.0), np.where(np.abs(T) > 1, T, 0)),
    (threshold(threshold=1.0, value=-2.0), np.where(T > 1, T, -2)),
    (prelu(), np.where(T > 0, T, T / 4)),
    (prelu(slope=-0.5), np.where(T > 0, T, -T / 2)),
    (rrelu, np.where(T > 0, T, T * (1 / 8 + 1 / 3) / 2)),
    (squared_relu, np.maximum(T, 0) ** 2),
    (sparse_plus, np.where(T <= -1, 0, np.where(T < 1, (T + 1) ** 2 / 4, T))),
    (sparse_sigmoid, np.clip(T + 1, 0, 2) / 2),
]


@pytest.mark.parametrize(("act", "values"), DEFINITIONS, ids=lambda a: getattr(a, "name", ""))
def test_definition(act, values):
    np.testing.assert_allclose(act.phi(T), values, rtol=1e-14, atol=1e-15)


def test_hermite_coefficients_as_printed():
    got = hard_tanh.hermite(np.array(1.0), 5)
    np.testing.assert_allclose(got, [0, 0.682689, 0, -0.197568, 0, 0.088355], atol=5e-7)


def test_jumps_leave_no_derivative_dual():
    assert hardshrink(lambd=2.0).jumps == (-2.0, 2.0)
    assert threshold(threshold=0.5, value=1.0).jumps == (0.5,)
    assert threshold(threshold=0.5, value=0.5).jumps == ()
    assert threshold(threshold=0.5, value=0.5).dual_prime is not None


def test_prelu_and_rrelu_are_leaky_units():
    p, q, c = np.array(2.0), np.array(3.0), np.array(-1.0)
    for act, a in ((prelu(), 0.25), (rrelu, 11 / 48)):
        theta = np.arccos(c / np.sqrt(p * q))
        f = (1 - a) ** 2 / (2 * np.pi)
        prime = (1 + a * a) / 2 - f * theta
        assert float(act.dual_prime(c, p, q)) == pytest.approx(prime, rel=1e-14)
        assert float(act.dual(c, p, q)) == pytest.approx(f * np.sqrt(p * q - c * c) + c * prime, rel=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: elu(alpha=np.inf), r"activation 'elu': alpha must be a finite number\. Got inf\."),
        (lambda: celu(alpha=0.0), r"activation 'celu': alpha must be a finite number above 0, .* Got 0\.0\."),
        (
            lambda: softshrink(lambd=-1.0),
            r"activation 'softshrink': lambd must be a finite number of 0 or more\. Got -1\.0\.",
        ),
        (lambda: hardshrink(lambd=np.nan), r"activation 'hardshrink': lambd must be .* Got nan\."),
        (
            lambda: threshold(threshold=np.inf, value=0.0),
            r"activation 'threshold': threshold and value must be finite numbers\. Got threshold=inf, value=",
        ),
        (lambda: prelu(slope=np.nan), r"activation 'prelu': slope must be a finite number\. Got nan\."),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(DualactError, match=message):
        make()


def test_every_one_is_an_entry_point():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]["dualact.activations"]
    for act, _ in DEFINITIONS:
        module, attribute = points[act.name].split(":")
        target = getattr(import_module(module), attribute)
        made = target if isinstance(target, Activation) else target(**act.params)
        assert made == act
    assert points["hard_silu"] == points["hard_swish"]
