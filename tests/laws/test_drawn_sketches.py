"""The laws of sketches over every structure, drawn shapes and drawn rows."""

from __future__ import annotations

import numpy as np
import pytest
import sketch_laws as laws
from effort import times
from hypothesis import given
from hypothesis import strategies as hs

from dualact.sketch.polysketch import PolySketch
from dualact.sketch.structures import STRUCTURES, choose, variance
from dualact.testing import strategies as st


@hs.composite
def cases(draw):
    sketch = draw(st.sketches())
    return sketch, draw(st.data_matrices(n_features=sketch.n_features, norms="unit"))


@given(cases())
def test_homogeneous(case):
    laws.homogeneous(*case)


@given(cases())
def test_rows_do_not_leak(case):
    laws.rows_do_not_leak(*case)


@given(cases())
def test_strides_do_not_count(case):
    laws.strides_do_not_count(*case)


@given(cases())
def test_exact_degrees_are_exact(case):
    laws.exact_degrees_are_exact(*case)


@given(cases())
def test_compiled_is_interpreted(case):
    with pytest.MonkeyPatch.context() as patch:
        laws.compiled_is_interpreted(*case, patch)


@given(st.sketches())
def test_no_stream_is_read_twice(sketch):
    rebuild, arguments = sketch.__reduce__()
    assert laws.no_stream_is_read_twice(lambda: rebuild(*arguments)) or not sketch.circuits


U = np.array([0.5, 0.1, -0.3, 0.6, 0.2, -0.1, 0.4, 0.3])
V = np.array([0.4, 0.3, -0.4, 0.5, 0.0, -0.2, 0.5, 0.1])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_unbiased_and_of_the_predicted_variance(structure):
    widths = {k: D for k, D in {2: 8, 3: 12, 4: 17}.items() if choose(structure, 8, k, D) is not None}

    def make(seed):
        return PolySketch(8, widths, seed=seed, structure=structure, dtype=np.float64)

    laws.unbiased(make, U, V)
    laws.degrees_are_uncorrelated(make, U, V)
    moments = ((U @ U) * (V @ V), U @ V, (U**2) @ (V**2))
    predicted = {k: float(variance(structure, k, D, 8, *moments)) for k, D in widths.items() if k < 4}
    laws.variance_is_as_predicted(make, U, V, predicted)


@times(0.2)
@given(
    st.data_matrices(n_samples=30, n_features=12, norms="unit"),
    hs.sampled_from(["real_product", "product", "tree"]),  # no monomials, though they would fit
    hs.sampled_from([2, 3]),
)
def test_embeds_a_subspace(X, structure, k):
    X = X / np.sqrt(12)

    def make(seed, columns):
        return PolySketch(12, {k: columns}, seed=seed, structure=structure, dtype=float)

    ridge = np.linalg.eigvalsh((X @ X.T) ** k)[-3]
    laws.embeds_a_subspace(make, X, k, ridge, 0.5)
