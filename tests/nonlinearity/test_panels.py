"""Product weights integrate φ·g however rough φ is, and find what is not declared."""

import numpy as np
import pytest

from dualact.errors import DualactError, PluginError
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.panels import NODES, ORDER, PanelTable, gauss_legendre
from dualact.nonlinearity.slopes import Slope, panel_table


def integral(table: PanelTable, level: int, low: int, high: int, g) -> float:
    width = 2.0**level
    t = (np.arange(low, high)[:, None] + (NODES + 1) / 2) * width
    return float((table.block(level, low, high) * g(t)).sum())


def test_rule_is_exact_for_polynomials():
    x, w = gauss_legendre(ORDER)
    for k in range(0, 64, 2):
        assert w @ x**k == pytest.approx(2 / (k + 1), abs=3e-16)


@pytest.mark.parametrize(
    ("f", "breakpoints", "exact"),
    [
        # ∫ over [−4, 4] of f(t)·cos t
        (np.abs, (0.0,), 2 * (4 * np.sin(4) + np.cos(4) - 1)),
        (lambda t: (t > 0.3).astype(float), (0.3,), np.sin(4) - np.sin(0.3)),
        (
            lambda t: np.clip(t, -1, 2),
            (-1.0, 2.0),
            np.cos(2) - np.cos(1) + np.sin(1) * (-1 + 1) + np.sin(4) * 2 - np.sin(4) + 0.0,
        ),
        (lambda t: np.cos(400 * t), (), np.sin(4 * 399) / 399 + np.sin(4 * 401) / 401),
    ],
)
def test_rough_functions_on_wide_panels(f, breakpoints, exact):
    table = PanelTable(f, breakpoints, "f")
    assert integral(table, 1, -2, 2, np.cos) == pytest.approx(exact, abs=3e-14)
    # and the level does not matter
    assert integral(table, -3, -32, 32, np.cos) == pytest.approx(exact, abs=3e-14)


def test_many_breakpoints_and_square_root():
    steps = PanelTable(np.floor, tuple(range(-20, 21)), "floor")
    assert integral(steps, 3, -2, 2, np.ones_like) == pytest.approx(-16.0, abs=1e-13)
    root = PanelTable(lambda t: np.sqrt(np.abs(t)), (0.0,), "root")
    assert integral(root, 2, -1, 1, np.ones_like) == pytest.approx(2 * 8 * 2 / 3, rel=1e-13)


@pytest.mark.parametrize("place", [0.3, 1.0, -2.0, 0.0, 7.77])
@pytest.mark.parametrize("kind", ["kink", "jump"])
def test_undeclared_breakpoint_is_named(place, kind):
    phi = (lambda t: np.abs(t - place)) if kind == "kink" else (lambda t: np.where(t > place, 1.0, 0.0))
    act = Activation("mine", phi)
    with pytest.raises(
        PluginError, match=r"'mine': phi is not smooth near t = \S+, and no breakpoint"
    ) as caught:
        panel_table(act)
    found = float(str(caught.value).split("t = ")[1].split(",")[0])
    assert found == pytest.approx(place, abs=1e-5)
    panel_table(Activation("mine", phi, breakpoints=(place,)))


def test_narrow_feature_is_not_missed_on_wide_panels():
    table = PanelTable(lambda t: np.exp(-400 * t * t) + np.exp(-400 * (t - 5.3) ** 2), (), "bumps")
    assert integral(table, 8, -2, 2, np.ones_like) == pytest.approx(2 * np.sqrt(np.pi / 400), rel=1e-12)


def test_noise_is_not_taken_for_a_kink():
    phi = lambda t: (1e4 + np.tanh(t)) - 1e4  # noqa: E731
    table = panel_table(Activation("noisy", phi))
    assert integral(table, 0, -4, 4, np.sin) == pytest.approx(
        integral(PanelTable(np.tanh, (), "t"), 0, -4, 4, np.sin), abs=1e-10
    )


def test_not_finite_and_wrong_shape():
    with pytest.raises(
        DualactError, match=r"phi is not finite at t = 71\d.* needs. Ask for a smaller variance"
    ):
        PanelTable(np.exp, (), "exp")(np.array([0.0, 710.0, 715.0, 800.0]))
    with pytest.raises(
        PluginError, match=r"array of the same shape. Got shape \(\) for input of shape \(2,\)"
    ):
        PanelTable(np.sum, (), "sum")(np.zeros(2))


def test_too_many_panels():
    table = PanelTable(lambda t: np.sin(1e9 * t), (), "wild")
    with pytest.raises(DualactError, match="phi"):
        table.block(0, -1, 1)


@pytest.mark.parametrize(
    ("f", "slope", "breakpoints"),
    [
        (np.tanh, lambda t: 1 / np.cosh(np.clip(t, -300, 300)) ** 2, ()),
        (lambda t: np.clip(t, -1.1, 1), lambda t: ((t > -1.1) & (t < 1)) * 1.0, (-1.1, 1.0)),
        (lambda t: np.logaddexp(0, t), lambda t: 0.5 * (1 + np.tanh(t / 2)), ()),
    ],
)
def test_derivative(f, slope, breakpoints):
    act = Activation("f", f, breakpoints=breakpoints)
    t = np.random.default_rng(0).normal(size=(50, 40)) * np.geomspace(0.01, 100, 50)[:, None]
    derived = panel_table(act, prime=True)
    assert np.abs(derived(t) - slope(t)).max() < 4e-12
    assert isinstance(derived.f, Slope)
    assert 1e-14 <= derived.noise(np.array(5.0)) < 1e-11
    given = Activation("f", f, breakpoints=breakpoints, phi_prime=slope)
    assert panel_table(given, prime=True).f is slope
