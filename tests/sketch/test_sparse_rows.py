"""Sparse rows in one canonical order, whatever form they come in."""

import numpy as np
import pytest
from scipy import sparse

from dualact.sketch.sparse_rows import SparseRows, canonical, spread_for, unit_csr

F8 = np.dtype(np.float64)


def messy():
    """Unsorted columns, one given twice, an explicit zero, empty rows at both ends and between."""
    data = np.array([3.0, 1.0, 2.0, 0.0, 5.0, -1.0])
    indices = np.array([4, 1, 4, 2, 0, 3])
    return sparse.csr_matrix((data, indices, np.array([0, 0, 4, 4, 6, 6])), shape=(5, 6))


def test_canonical_leaves_the_matrix_alone():
    X = messy()
    found = canonical(X)
    assert found.has_canonical_format
    assert np.array_equal(found.toarray(), messy().toarray())
    assert np.array_equal(X.indices, [4, 1, 4, 2, 0, 3])
    assert np.array_equal(X.data, [3.0, 1.0, 2.0, 0.0, 5.0, -1.0])


def test_entries_of_a_part():
    rows = SparseRows.of(messy(), F8)
    assert len(rows) == 5
    values, indices, owner = rows[1:4].entries
    assert (values.tolist(), indices.tolist(), owner.tolist()) == (
        [1, 0, 5, 5, -1],
        [1, 2, 4, 0, 3],
        [0, 0, 0, 2, 2],
    )
    assert len(rows[5:9]) == 0


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_any_form_gives_the_same_rows(form):
    X = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, -3.0]])
    rows = SparseRows.of(form(X), np.dtype(np.float32))
    assert rows.values.tolist() == [2, 1, -3]
    assert rows.values.dtype == np.float32
    assert rows.indices.dtype == rows.starts.dtype == np.int64
    assert rows.starts.tolist() == [0, 1, 1, 3]


def test_duplicates_are_added_in_double():
    X = sparse.csr_matrix((np.array([1, 2**24], "f4"), np.array([0, 0]), np.array([0, 2])), shape=(1, 1))
    assert SparseRows.of(X, F8).values.tolist() == [2**24 + 1]


def test_unit_rows_of_extreme_size():
    scale = np.array([1e-310, 0.0, 1e200, 1.0, 0.0])
    X = canonical(sparse.diags_array(scale) @ messy())
    unit, norms = unit_csr(X)
    lengths = np.sqrt((unit.toarray() ** 2).sum(axis=1))
    assert np.allclose(lengths, [0, 0, 0, 1, 0])
    assert norms[3] == pytest.approx(np.sqrt(26))
    unit, norms = unit_csr(canonical(messy() * 1e200))
    assert norms[1] == pytest.approx(np.sqrt(26) * 1e200)
    assert np.allclose((unit.toarray() ** 2).sum(axis=1), [0, 1, 0, 1, 0])


def test_unit_rows_do_not_depend_on_their_neighbours():
    X = canonical(sparse.random(60, 500, 0.05, format="csr", rng=np.random.default_rng(0)))
    unit, norms = unit_csr(X)
    for i in (0, 7, 59):
        alone, norm = unit_csr(X[i : i + 1])
        assert np.array_equal(alone.data, unit[i : i + 1].data)
        assert norm[0] == norms[i]


@pytest.mark.parametrize(
    ("d", "density", "columns", "spread"),
    [
        (5000, 0.01, 256, 4),
        (5000, 0.01, 2500, 4),
        (5000, 0.01, 2501, 0),
        (5000, 0.05, 256, 0),
        (500, 0.01, 256, 0),
    ],
)
def test_sparse_leaves_for_long_sparse_rows(d, density, columns, spread):
    X = sparse.random(40, d, density, format="csr", rng=np.random.default_rng(0))
    assert spread_for(X, columns) == spread
    assert spread_for(X.toarray(), columns) == 0
    assert spread_for(None, columns) == 0
