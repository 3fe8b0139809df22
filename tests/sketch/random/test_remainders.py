import numpy as np
import pytest

import dualact as da
from dualact.sketch.random.projections import Projection, sphere_dimension
from dualact.sketch.random.remainders import Remainder, leverage_weight

rng = np.random.default_rng(0)
ROWS = rng.standard_normal((12, 7))
ROWS /= np.linalg.norm(ROWS, axis=1)[:, None]
VARIANCE = np.linspace(0.5, 2.0, 12)
COV = ROWS @ ROWS.T * np.sqrt(np.outer(VARIANCE, VARIANCE))
NAMES = [("relu", {}), ("leaky_relu", {"slope": 0.3}), ("abs", {}), ("gelu", {}), ("tanh", {}), ("sin", {})]
HOMOGENEOUS = [*NAMES[:3], ("rectified_power", {"power": 2}), ("monomial", {"power": 3}), ("sign", {})]
SEEDS, COLUMNS = 60, 256


def _errors(act, prime, kind, sphere):
    dimension = sphere_dimension(kind, 7) if sphere else None
    made = Remainder(act, prime, dimension, 0.4, 2.5)
    low = made.exact(VARIANCE)
    exact = np.outer(low[:, 0], low[:, 0]) + np.outer(low[:, 1], low[:, 1]) * (ROWS @ ROWS.T)
    kernel = (da.dual_prime if prime else da.dual)(act, COV, VARIANCE[:, None], VARIANCE)
    found = []
    for seed in range(SEEDS):
        features = made(Projection(7, COLUMNS, kind, sphere, (seed,), np.float64)(ROWS), VARIANCE)
        found.append(features @ features.T / COLUMNS + exact - kernel)
    return np.array(found), kernel


def unbiased(errors, kernel):
    """Mean error over seeds within its standard error, and that far below the kernel."""
    spread = errors.std(axis=0) / np.sqrt(SEEDS)
    assert (np.abs(errors.mean(axis=0)) < 5 * spread + 1e-9).all()
    assert np.sqrt((spread**2).mean()) < 0.03 * np.sqrt((kernel**2).mean())


@pytest.mark.parametrize("kind", ["gaussian", "orthogonal", "structured"])
@pytest.mark.parametrize("prime", [False, True])
@pytest.mark.parametrize(("name", "params"), NAMES)
def test_features_are_unbiased(name, params, prime, kind):
    unbiased(*_errors(da.activation(name, **params), prime, kind, False))


@pytest.mark.parametrize("kind", ["orthogonal", "structured"])
@pytest.mark.parametrize(("name", "params"), HOMOGENEOUS)
def test_leverage_scores_are_unbiased(name, params, kind):
    unbiased(*_errors(da.activation(name, **params), False, kind, True))


def test_leverage_scores_lower_the_variance_of_relu_in_few_dimensions():
    act = da.activation("relu")
    plain, scores = (_errors(act, False, "gaussian", sphere)[0] for sphere in (False, True))
    assert (scores**2).mean() < 0.85 * (plain**2).mean()


@pytest.mark.parametrize(
    "mutant",
    [lambda r: 0 * r, lambda r: 1 + 0 * r, lambda r: r * 1.2, lambda r: r * 2**0.5],
    ids=["zero", "constant", "scale", "papers' scale"],
)
def test_the_law_kills_mutants(mutant):
    act = da.activation("relu")
    made = Remainder(act, False, None, 0.4, 2.5)
    low = made.exact(VARIANCE)
    exact = np.outer(low[:, 0], low[:, 0]) + np.outer(low[:, 1], low[:, 1]) * (ROWS @ ROWS.T)
    kernel = da.dual(act, COV, VARIANCE[:, None], VARIANCE)
    errors = []
    for seed in range(SEEDS):
        features = mutant(
            made(Projection(7, COLUMNS, "gaussian", False, (seed,), np.float64)(ROWS), VARIANCE)
        )
        errors.append(features @ features.T / COLUMNS + exact - kernel)
    with pytest.raises(AssertionError):
        unbiased(np.array(errors), kernel)


def test_a_row_of_zeros_gives_what_the_function_has_at_zero():
    for name in ("relu", "gelu", "cos"):
        made = Remainder(da.activation(name), False, None, 0.4, 2.5)
        none, zero = np.zeros((1, 4)), np.zeros(1)
        assert np.allclose(made(none.copy(), zero), 0.0, atol=1e-12)
        assert np.isclose(made.exact(zero)[0, 0], da.activation(name)(zero)[0])


def test_a_linear_function_leaves_nothing():
    assert Remainder(da.activation("monomial", power=1), False, None, 0.4, 2.5).empty
    assert Remainder(da.activation("monomial", power=1), True, None, 0.4, 2.5).empty
    assert not Remainder(da.activation("relu"), False, None, 0.4, 2.5).empty


def test_weights_of_leverage_scores():
    # E χ_d^{2h} / d^h
    assert leverage_weight(9, 2.0) ** 2 == pytest.approx(9 * 11 / 81)
    assert leverage_weight(9, 3.0) ** 2 == pytest.approx(9 * 11 * 13 / 729)
