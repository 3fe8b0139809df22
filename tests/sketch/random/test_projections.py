import numpy as np
import pytest
from scipy import stats

from dualact.sketch.random.projections import KINDS, Projection, kind_for, sphere_dimension


def _values(kind, sphere, length=20, columns=512, seeds=8):
    row = np.random.default_rng(1).standard_normal((1, length))
    row /= np.linalg.norm(row)
    return np.concatenate(
        [Projection(length, columns, kind, sphere, (s,), np.float64)(row)[0] for s in range(seeds)]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gaussian_rows_give_normal_values(kind):
    assert stats.kstest(_values(kind, False), "norm").pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_coordinate_of_a_point_on_the_sphere(kind):
    # t²/p of a uniform direction is Beta(1/2, (p−1)/2).
    p = sphere_dimension(kind, 20)
    assert stats.kstest(_values(kind, True) ** 2 / p, stats.beta(0.5, (p - 1) / 2).cdf).pvalue > 1e-3


def test_leverage_scores_are_drawn_from_their_density():
    # |w| ~ χ_{d+2} and a uniform direction have the density ∝ |w|² e^{−|w|²/2}; weights √d/|w| take |w| out.
    # Importance weights from N(0, I) must agree with it on any moment.
    d, rng = 5, np.random.default_rng(0)
    directions = Projection(d, 40_000, "gaussian", True, (3,), np.float64).matrix.T / np.sqrt(d)
    w = directions * np.sqrt(rng.chisquare(d + 2, len(directions)))[:, None]
    normal = rng.standard_normal((400_000, d))
    density = (normal**2).sum(axis=1) / d
    for moment in (
        lambda v: np.abs(v[:, 0]),
        lambda v: v[:, 0] ** 2 * v[:, 1] ** 2,
        lambda v: np.cos(v[:, 2]),
    ):
        sampled, expected = moment(w), density * moment(normal)
        error = np.hypot(sampled.std() / np.sqrt(len(w)), expected.std() / np.sqrt(len(normal)))
        assert abs(sampled.mean() - expected.mean()) < 5 * error


@pytest.mark.parametrize("kind", ["orthogonal", "structured"])
def test_rows_are_orthogonal_within_a_block(kind):
    length = 64 if kind == "orthogonal" else 256
    W = Projection(length, length, kind, True, (0,), np.float64)(np.eye(length)).T
    np.testing.assert_allclose(W @ W.T, length * np.eye(length), atol=1e-9 * length)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [1, 300, 700])
def test_columns_and_dtype(kind, columns):
    rows = np.full((3, 20), 20**-0.5, np.float32)
    made = Projection(20, columns, kind, False, (0, 1), np.float32)
    assert made(rows).shape == (3, columns)
    assert made(rows).dtype == np.float32
    other = Projection(20, columns, kind, False, (0, 2), np.float32)
    assert not np.allclose(made(rows), other(rows))


def test_small_rows_are_multiplied_and_long_ones_transformed():
    assert (kind_for(9), kind_for(384)) == ("orthogonal", "structured")
