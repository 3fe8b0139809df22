"""Bases and narrowing: exact in the leading directions, unbiased in the rest."""

import numpy as np
import pytest

from dualact.errors import DualactError
from dualact.sketch.spatial.basis import Basis, array_from_dict, array_to_dict, leading
from dualact.sketch.spatial.narrow import Narrow, Narrower


def _rows(seed, n=300, d=90, decay=0.9):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return rng.standard_normal((n, d)) * decay ** np.arange(d) @ turn


@pytest.mark.parametrize("rank", [1, 5, 90])
def test_leading_directions(rank):
    rows = _rows(0)
    basis = leading(rows, rank)
    V = basis.matrix.astype(float)
    np.testing.assert_allclose(V.T @ V, np.eye(rank), atol=1e-6)
    values = np.linalg.svd(rows, compute_uv=False) ** 2
    assert basis.share == pytest.approx(values[:rank].sum() / values.sum(), rel=0.02)
    assert list(basis.shares) == sorted(basis.shares)


def test_leading_directions_of_nothing():
    basis = leading(np.zeros((5, 4)), 2)
    assert basis.share == 1.0
    assert np.array_equal(basis.matrix, np.eye(4, 2, dtype=np.float32))


def test_narrowing_is_unbiased():
    rows = _rows(1, n=2)
    basis = leading(_rows(1), 8)
    products = []
    for seed in range(600):
        out = Narrower(Narrow(90, basis, 16), (seed,), np.float64)(rows)
        products.append(out[0] @ out[1])
    exact = rows[0] @ rows[1]
    light = rows - rows @ basis.matrix.astype(float) @ basis.matrix.T.astype(float)
    spread = np.std(products)
    assert abs(np.mean(products) - exact) < 5 * spread / np.sqrt(600)
    # The variance is that of the light parts alone: about (|a|²|b|² + (a·b)²)/16.
    a, b = light
    expected = np.sqrt(((a @ a) * (b @ b) + (a @ b) ** 2) / 16)
    assert spread == pytest.approx(expected, rel=0.3)


def test_nothing_to_do_and_rotation():
    rows = _rows(2, n=4)
    assert np.array_equal(Narrower(Narrow(90, None, 0), (0,), np.float64)(rows), rows)
    turned = Narrower(Narrow(90, leading(_rows(2), 90), 0), (0,), np.float64)(rows)
    np.testing.assert_allclose(turned @ turned.T, rows @ rows.T, atol=1e-5)


def test_arrays_as_data():
    values = np.random.default_rng(0).standard_normal((3, 2)).astype(np.float32)
    data = array_to_dict(values)
    assert np.array_equal(array_from_dict(data), values)
    with pytest.raises(DualactError, match=r"an array of shape \(3, 3\) does not consist of 24 bytes"):
        array_from_dict({**data, "shape": [3, 3]})
    with pytest.raises(DualactError, match="entries that are not finite"):
        array_from_dict(array_to_dict(np.array([np.nan])))
    basis = Basis.from_dict(leading(_rows(3), 3).to_dict())
    assert basis.rank == 3
    assert basis.first(2).rank == 2
