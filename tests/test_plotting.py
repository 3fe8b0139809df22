"""Displays draw what was computed, and leave the estimator alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import PolynomialCountSketch

import dualact as da

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra 'plot')")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

X = load_digits().data[:120] / 16


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def test_duals_are_those_of_the_activation():
    display = da.DualDisplay.from_activation("relu", variance=4.0)
    rho = display.line_.get_xdata()
    assert rho[0] == -1
    assert rho[-1] == 1
    np.testing.assert_allclose(display.line_.get_ydata(), da.dual("relu", 4 * rho, 4.0, 4.0))
    np.testing.assert_allclose(display.prime_line_.get_ydata(), da.dual_prime("relu", 4 * rho, 4.0, 4.0))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "relu: E φφ",
        "relu: E φ′φ′",
    ]


def test_what_jumps_has_no_second_line():
    assert da.DualDisplay.from_activation("sign").prime_line_ is None


def test_several_share_axes():
    _, ax = pyplot.subplots()
    for name in ("relu", "erf"):
        display = da.DualDisplay.from_activation(name, ax=ax, linewidth=3)
        assert display.ax_ is ax
        assert display.figure_ is ax.figure
        assert display.line_.get_linewidth() == 3
    assert len(ax.lines) == 4
    assert display.plot(name="again").line_.get_label() == "again: E φφ"
    assert display.ax_ is not ax


def test_errors_are_those_of_the_estimator():
    network = da.mlp(1, "gelu")
    estimator = da.SketchedNeuralKernel(network, kind="nngp", n_components=64, random_state=5)
    display = da.SketchErrorDisplay.from_estimator(estimator, X, widths=(32, 128), n_repeats=2)
    assert estimator.n_components == 64
    assert not hasattr(estimator, "plan_")
    K = da.kernel(network, X, kind="nngp")
    made = da.SketchedNeuralKernel(network, kind="nngp", n_components=128, random_state=6).fit(X)
    assert display.errors[1, 1] == pytest.approx(da.metrics.relative_error(K, made.transform(X)), rel=1e-9)
    assert display.predicted[1] == pytest.approx(made.plan_.predicted_error)
    np.testing.assert_array_equal(display.line_.get_ydata(), display.errors.mean(axis=1))
    assert display.band_ is not None
    assert display.predicted_line_ is not None


def test_kernels_of_polynomials_and_given_ones():
    ours = da.PolynomialSketch(degree=3, coef0=1.0, gamma=0.02, random_state=0)
    K = (0.02 * X @ X.T + 1) ** 3
    display = da.SketchErrorDisplay.from_estimator(ours, X, widths=(256,))
    again = da.SketchErrorDisplay.from_estimator(ours, X, widths=(256,), K=K)
    assert display.errors == pytest.approx(again.errors)
    theirs = PolynomialCountSketch(degree=3, coef0=1.0, gamma=0.02, random_state=0)
    other = da.SketchErrorDisplay.from_estimator(theirs, X, widths=(256,), K=K, ax=display.ax_)
    assert other.predicted is None
    assert other.errors > display.errors
    with pytest.raises(
        da.errors.DualactError, match=r"kernel of PolynomialCountSketch is not known here. Pass"
    ):
        da.SketchErrorDisplay.from_estimator(theirs, X)


def test_refusals():
    with pytest.raises(
        da.errors.DualactError, match=r"'n_points' parameter of DualDisplay.* must be an int in the range \[2"
    ):
        da.DualDisplay.from_activation("relu", n_points=1)
    with pytest.raises(da.errors.DualactError, match=r"variance must be a positive number. Got 0"):
        da.DualDisplay.from_activation("relu", variance=0)
    with pytest.raises(da.errors.DualactError, match="at least one number of features"):
        da.SketchErrorDisplay.from_estimator(da.SketchedNeuralKernel(), X, widths=())


def test_without_matplotlib_the_numbers_are_offered(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(da.errors.DualactError, match=r"pip install 'dualact\[plot\]'"):
        da.DualDisplay.from_activation("relu")


def test_matplotlib_is_imported_when_something_is_drawn():
    code = "import sys, dualact; dualact.DualDisplay; print('matplotlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
