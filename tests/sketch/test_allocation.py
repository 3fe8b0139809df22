"""How columns are spent."""

import numpy as np
import pytest

from dualact.sketch.allocation import Allocator, Part, _make_exact, _share
from dualact.sketch.factors import FactorProblem
from dualact.sketch.monomials import monomial_count
from dualact.sketch.pairs import packed


def allocator(budget, n_features=20, degrees=5, rows=40):
    """Powers of cosines, weights 2^−k, one component each, noise as that of independent rows."""
    rng = np.random.default_rng(0)
    U = rng.standard_normal((rows, n_features)) + 0.5
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    kernels = [2.0**-k * (U @ U.T) ** k for k in range(degrees)]
    problem = FactorProblem.build(packed(sum(kernels)), np.stack([packed(K) for K in kernels]))
    parts = [
        Part(k, np.ones((degrees - k, 1)), np.array([2.0**-k if k else 0.0, 0.0])) for k in range(degrees)
    ]
    return Allocator(parts, problem, budget, n_features)


@pytest.mark.parametrize("budget", [5, 6, 21, 50, 231, 232, 1000, 5000])
def test_all_columns_are_spent(budget):
    for design in (allocator(budget).all_degrees(), allocator(budget).best_degrees()):
        assert sum(t.columns(20) for t in design.terms) == budget
        # one that is as wide as its monomials is exact without further ado
        assert all(t.width <= monomial_count(20, t.degree) for t in design.terms)


def test_nothing_is_left_to_spend_on_when_everything_fits():
    everything = sum(monomial_count(20, k) for k in range(5))
    design = allocator(10 * everything).all_degrees()
    assert design.error < 1e-6
    assert sum(t.columns(20) for t in design.terms) == everything
    assert all((t.exact, t.width) == (1, 0) for t in design.terms)


def test_errors_fall_with_the_budget():
    errors = [allocator(m).best_degrees().error for m in (1, 2, 4, 8, 16, 64, 256, 1024, 4096, 16384)]
    assert np.all(np.diff(errors) < 1e-3 * errors[0])
    assert errors[-1] < 0.1 * errors[0]


def test_too_few_columns():
    assert allocator(4).all_degrees() is None
    for budget in (1, 2, 3, 4):
        design = allocator(budget).best_degrees()
        assert 0 < sum(t.columns(20) for t in design.terms) <= budget
        assert design.error < 1


def test_degrees_that_carry_nothing_are_left_out():
    """With two features that are opposite or equal, all even powers are one, and all odd powers."""
    signs = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    U = np.outer(signs, signs)
    kernels = [U**k for k in range(6)]
    problem = FactorProblem.build(packed(2 * np.ones((5, 5)) + U), np.stack([packed(K) for K in kernels]))
    parts = [Part(k, np.ones((6 - k, 1)), np.array([1e-9 if k else 0.0, 0.0])) for k in range(6)]
    design = Allocator(parts, problem, 100, 1).best_degrees()
    assert [t.degree for t in design.terms] == [0, 1]
    assert design.error < 1e-6


def test_widths_in_proportion():
    assert _share(100, np.array([3.0, 0.0, 1.0])) == [75, 0, 25]
    assert sum(_share(101, np.array([3.0, 1e-9, 1.0]))) == 101
    assert _share(3, np.array([1.0, 1e-9, 1e-9])) == [1, 1, 1]
    assert _share(2, np.array([1.0, 1.0, 1.0])) == [0, 0, 0]
    assert _share(5, np.zeros(2)) == [0, 0]


def test_exact_where_it_pays():
    parts = [Part(1, np.eye(1), np.array([1.0, 0.0])), Part(2, np.eye(1), np.array([0.1, 0.0]))]
    # 10 columns for degree 1 out of 100: 1.1²/100 against 0.1²/90
    assert _make_exact(parts, [10, 550], np.ones(2), 100, [0, 0]) == [1, 0]
    # 95 of 100 leave 5 for the rest: 0.1²/5 is still less
    assert _make_exact(parts, [95, 550], np.ones(2), 100, [0, 0]) == [1, 0]
    # but a column must be left
    assert _make_exact(parts, [100, 550], np.ones(2), 100, [0, 0]) == [0, 0]
    assert _make_exact(parts, [150, 550], np.ones(2), 700, [0, 1]) == [1, 1]
    assert _make_exact(parts, [10, 55], np.ones(2), 65, [0, 0]) == [1, 1]
