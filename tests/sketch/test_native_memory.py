"""Shapes at which compiled code may read or write beside its arrays; sanitize.py runs this as well."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from dualact.sketch.hadamard import hadamard
from dualact.sketch.polysketch import PolySketch
from dualact.sketch.structures import STRUCTURES


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 64, 128, 1024, 8192])
def test_transforms_of_every_order(n, dtype):
    X = np.random.default_rng(n).standard_normal((3, n)).astype(dtype)
    twice = hadamard(hadamard(X.copy())) / n
    np.testing.assert_allclose(twice, X, rtol=0, atol=1e-5 if dtype == "f4" else 1e-12)
    assert hadamard(X[:0].copy()).shape == (0, n)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("spread", [0, 1, 4])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_sketches_of_odd_shapes(structure, spread, dtype):
    for d in (1, 2, 3, 7, 17, 65):
        for widths in ({1: 1, 2: 1}, {2: 3, 3: 5}, {4: 7, 7: 33}):
            sketch = PolySketch(d, widths, seed=d, structure=structure, dtype=np.dtype(dtype), spread=spread)
            for rows in (0, 1, 5, 33):
                X = (np.random.default_rng(rows).standard_normal((rows, d)) / np.sqrt(d)).astype(dtype)
                X[X < 0.1] = 0.0
                # Rows of outputs in one array, side by side: a column too many would show.
                total = sum(widths.values())
                whole = np.full((rows, total + 2), 7.0, dtype)
                outs, start = {}, 1
                for k, width in widths.items():
                    outs[k] = whole[:, start : start + width]
                    start += width
                sketch(sparse.csr_array(X) if spread else X, outs)
                assert (whole[:, [0, -1]] == 7.0).all()
                assert np.isfinite(whole).all()
