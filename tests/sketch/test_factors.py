"""Bounded least squares: against the definition, by brute force."""

import numpy as np
import pytest
from scipy.optimize import minimize

from dualact.sketch.factors import FactorProblem
from dualact.sketch.pairs import packed


def problem_of(seed, rows=12, degrees=4):
    rng = np.random.default_rng(seed)
    kernels = []
    for _ in range(degrees):
        F = rng.standard_normal((rows, 3))
        kernels.append(F @ F.T)
    target = sum(w * K for w, K in zip(rng.uniform(0, 1.5, degrees), kernels, strict=True))
    F = 0.4 * rng.standard_normal((rows, rows))
    target = target + F @ F.T * 0.1
    return target, kernels, FactorProblem.build(packed(target), np.stack([packed(K) for K in kernels]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_the_minimum_under_its_bounds(seed, penalty):
    target, kernels, problem = problem_of(seed)
    chosen = list(range(len(kernels)))
    penalties = np.full(len(kernels), penalty)
    found = problem.solve(chosen, penalties)

    def loss(r):
        return np.mean((target - np.einsum("j,jab->ab", r, kernels)) ** 2) + (penalties @ r) ** 2

    diagonals = np.stack([K.diagonal() / target.diagonal() for K in kernels], axis=1)
    bounds = {"type": "ineq", "fun": lambda r: 1 - diagonals @ r, "jac": lambda r: -diagonals}
    best = minimize(
        loss, 0.5 * found, bounds=[(0, None)] * len(kernels), constraints=[bounds], options={"ftol": 1e-14}
    )
    assert np.all(found >= 0)
    assert (diagonals @ found).max() <= 1 + 1e-12
    assert loss(found) <= best.fun + 2e-3 * np.mean(target**2)
    assert problem.miss(chosen, found) == pytest.approx(loss(found) - (penalties @ found) ** 2, abs=1e-9)


def test_the_bound_binds():
    """One part that is right off the diagonal and too large on it."""
    target = np.array([[1.0, 0.9], [0.9, 1.0]])
    part = np.array([[2.0, 0.9], [0.9, 1.0]])
    problem = FactorProblem.build(packed(target), packed(part)[None])
    assert problem.solve([0], np.zeros(1))[0] == pytest.approx(0.5, rel=1e-3)


def test_a_penalty_pulls_towards_zero_and_off_the_noisy():
    part = np.array([[1.0, 0.5], [0.5, 1.0]])
    twice = FactorProblem.build(packed(part), np.stack([packed(part), packed(part)]))
    factors = [twice.solve([0], np.array([p]))[0] for p in (0.0, 0.3, 3.0)]
    assert factors[0] == pytest.approx(1.0)
    assert factors[0] > factors[1] > factors[2] > 0
    quiet, noisy = twice.solve([0, 1], np.array([0.0, 0.5]))
    assert quiet == pytest.approx(1.0, rel=1e-3)
    assert noisy == pytest.approx(0.0, abs=1e-3)


def test_rows_without_a_kernel_do_not_bind():
    target = np.diag([1.0, 0.0])
    problem = FactorProblem.build(packed(target), packed(target)[None])
    assert problem.solve([0], np.zeros(1))[0] == pytest.approx(1.0)
    zero = FactorProblem.build(packed(np.zeros((2, 2))), packed(np.zeros((2, 2)))[None])
    assert np.isfinite(zero.solve([0], np.zeros(1))).all()
