"""PolySketch with sparse leaves: unbiased, of the predicted variance, the same for sparse and dense rows."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from dualact.errors import DualactError
from dualact.sketch import native
from dualact.sketch.embedding import SPREADS
from dualact.sketch.polysketch import PolySketch
from dualact.sketch.structures import STRUCTURES, choose, variance

compiled_only = pytest.mark.skipif(native._compiled is None, reason="the extension was not built")


def features(sketch, U, along=None):
    outs = {k: np.full((U.shape[0], D), np.nan, sketch.dtype) for k, D in sketch.widths.items()}
    sketch(U, outs, along)
    return outs


def sparse_rows(n, d, nonzeros, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = sparse.random(n, d, nonzeros / d, format="csr", rng=rng, data_rvs=rng.standard_normal)
    return X.astype(dtype)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("d", [3, 40])
def test_unbiased_and_variance_as_predicted(structure, spread, d):
    """Pairs that share heavy coordinates, equal pairs, and pairs that share nothing."""
    rng = np.random.default_rng(d)
    A, B = rng.standard_normal((2, 12, d))
    A[:, :2] *= 3
    B[:, :2] *= 3
    B[4:8] += 2 * A[4:8]
    B[8:10] = A[8:10]
    A[10:, : d // 2] = B[10:, d // 2 :] = 0
    A, B = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (A, B))
    widths, seeds = {1: 3, 2: 11, 3: 34, 4: 65, 5: 96}, 150
    n2, s, t = np.ones(12), (A * B).sum(axis=1), (A**2 * B**2).sum(axis=1)
    errors = {k: [] for k in widths}
    for seed in range(seeds):
        sketch = PolySketch(d, widths, seed=seed, structure=structure, dtype=np.float64, spread=spread)
        found = features(sketch, np.concatenate([A, B]))
        for k in widths:
            errors[k].append((found[k][:12] * found[k][12:]).sum(axis=1) - s**k)
    for k, D in widths.items():
        error = np.array(errors[k])
        predicted = variance(structure, k, D, d, n2, s, t, spread=spread)
        if choose(structure, d, k, D, spread) is None:
            assert np.abs(error).max() < 1e-12
            assert (predicted == 0).all()
            continue
        if k <= 3 or "product" not in structure:  # beyond, products have rare errors of any size
            assert (np.abs(error.mean(axis=0)) < 5 * np.sqrt(predicted / seeds)).all()
            assert 1 / 1.5 < (error**2).mean() / predicted.mean() < 1.5, k


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("structure", ["real_product", "product", "auto", "tree"])
def test_variance_of_structured_coordinates(structure, spread):
    """What a hash could do wrong: coordinates that are multiples of a power of two, in all leaves at once."""
    places = np.arange(24) * 2**16
    rng = np.random.default_rng(0)
    A, B = np.abs(rng.standard_normal((2, 6, 24)))
    A, B = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (A, B))
    U = sparse.csr_matrix(
        (np.concatenate([A, B]).ravel(), np.tile(places, 12), np.arange(13) * 24), (12, 2**21)
    )
    n2, s, t = np.ones(6), (A * B).sum(axis=1), (A**2 * B**2).sum(axis=1)
    squares = []
    for seed in range(150):
        Z = features(
            PolySketch(2**21, {3: 64}, seed=seed, structure=structure, dtype="f8", spread=spread), U
        )[3]
        squares.append(((Z[:6] * Z[6:]).sum(axis=1) - s**3) ** 2)
    predicted = variance(structure, 3, 64, 2**21, n2, s, t, spread=spread).mean()
    assert 1 / 1.5 < np.mean(squares) / predicted < 1.5


@pytest.mark.parametrize("structure", STRUCTURES)
def test_sparse_leaves_are_dense_ones_of_infinite_length(structure):
    """Without shared coordinates both have one variance, to the share of rows that a dense one takes."""
    for k in (1, 2, 3, 5):
        one = variance(structure, k, 500, 10**6, 1.0, 0.4, 0.0, spread=4)
        assert one == pytest.approx(variance(structure, k, 500, 10**6, 1.0, 0.4, 0.0), rel=2e-3)


@compiled_only
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("split", [False, True])
def test_compiled_and_numpy_agree(structure, spread, dtype, split, monkeypatch):
    widths = {1: 7, 2: 33, 3: 100, 4: 65, 5: 129, 7: 300, 8: 1}
    X = sparse_rows(21, 3000, 40, dtype=dtype) * 0.2
    X.data[: X.indptr[1]] = 0.0
    direction = np.where(np.arange(3000) % 3, 0.0, 1000**-0.5) if split else None
    along = (X @ np.full(3000, 0.01)).astype(dtype) if split else None
    arguments = {"seed": 3, "structure": structure, "dtype": dtype, "spread": spread, "direction": direction}
    compiled = features(PolySketch(3000, widths, **arguments), X, along)
    monkeypatch.setattr(native, "_compiled", None)
    plain = features(PolySketch(3000, widths, **arguments), X, along)
    for k in widths:
        scale = np.abs(plain[k]).max()
        assert scale > 0
        assert np.abs(compiled[k] - plain[k]).max() <= 64 * np.finfo(dtype).eps * scale


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_direction_is_subtracted(dtype):
    X = sparse_rows(9, 400, 12).toarray()
    direction = np.random.default_rng(1).standard_normal(400) / 20
    along = X @ direction
    arguments = {"seed": 1, "dtype": dtype, "spread": 4}
    widths = {1: 50, 3: 70, 6: 90}
    one = features(
        PolySketch(400, widths, **arguments, direction=direction), X.astype(dtype), along.astype(dtype)
    )
    two = features(PolySketch(400, widths, **arguments), (X - along[:, None] * direction).astype(dtype))
    for k in widths:
        assert np.abs(one[k] - two[k]).max() < 100 * np.finfo(dtype).eps * np.abs(two[k]).max()


def test_dense_and_sparse_rows_agree():
    """To the bit in the compiled path; exact degrees, which read dense rows, too."""
    X = sparse_rows(33, 60, 5)
    widths = {1: 60, 2: 31, 4: 64}
    for spread in (0, *SPREADS):
        sketch = PolySketch(60, widths, seed=0, dtype=np.float64, spread=spread)
        dense = features(sketch, X.toarray())
        for form in (X, sparse.csr_array(X)):
            found = features(sketch, form)
            assert all(np.array_equal(found[k], dense[k]) for k in widths)
        assert np.allclose(dense[1] @ dense[1].T, (X @ X.T).toarray(), atol=1e-12)


def test_messy_rows_are_their_canonical_form():
    """Unsorted, given twice, explicit zeros, empty rows, 64-bit indices: the same bits, nothing changed."""
    X = sparse_rows(12, 900, 30)
    X.data = np.round(4 * X.data) / 4  # sums of halves of them are exact
    rng = np.random.default_rng(2)
    pieces = []
    for i in range(12):
        row = X[i]
        if i in (0, 5):
            pieces.append((np.empty(0), np.empty(0, np.int64)))
            continue
        columns = np.concatenate([row.indices, row.indices[:4], [899, 17]])
        values = np.concatenate([row.data, np.full(4, 0.5), [0.0, 0.0]])
        values[:4] -= 0.5
        order = rng.permutation(len(columns))
        pieces.append((values[order], columns[order]))
    starts = np.cumsum([0, *(len(v) for v, _ in pieces)])
    data, indices = (np.concatenate(p) for p in zip(*pieces, strict=True))
    clean = X.toarray()
    clean[[0, 5]] = 0.0
    for index_type in (np.int32, np.int64):
        messy = sparse.csr_matrix((data, indices.astype(index_type), starts.astype(index_type)), X.shape)
        messy.indices = messy.indices.astype(index_type)
        before = messy.indices.copy(), messy.data.copy()
        sketch = PolySketch(900, {1: 40, 2: 70, 5: 90}, seed=4, dtype=np.float64, spread=4)
        found, expected = features(sketch, messy), features(sketch, clean)
        for k in sketch.widths:
            assert np.array_equal(found[k], expected[k])
            assert not found[k][[0, 5]].any()
        assert np.array_equal(messy.indices, before[0])
        assert np.array_equal(messy.data, before[1])


@compiled_only
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_bits_do_not_depend_on_blocks_or_strides(dtype):
    widths = {1: 5, 2: 700, 3: 33, 8: 130}
    X = sparse_rows(37, 5000, 25, dtype=dtype)
    direction = np.eye(5000)[3]
    along = np.linspace(-1, 1, 37).astype(dtype)
    sketch = PolySketch(5000, widths, seed=3, dtype=dtype, spread=4, direction=direction)
    whole = features(sketch, X, along)
    for i in (0, 15, 16, 36):
        again = pickle.loads(pickle.dumps(sketch))
        one = features(again, X[i : i + 1], along[i : i + 1])
        assert all(np.array_equal(one[k][0], whole[k][i]) for k in widths)
    big = np.full((37, 2 * sum(widths.values())), np.nan, dtype)
    views, start = {}, 0
    for k, D in widths.items():
        views[k] = big[:, start : start + 2 * D : 2]
        start += 2 * D
    sketch(X, views, along)
    assert all(np.array_equal(views[k], whole[k]) for k in widths)
    assert np.isnan(big[:, 1::2]).all()


@compiled_only
def test_memory_does_not_know_the_length_of_rows():
    """A trillion columns: no table, no dense row."""
    d = 10**12
    indices = np.random.default_rng(0).integers(0, d, 2000)
    X = sparse.csr_matrix((np.ones(2000, "f4"), indices, np.arange(21) * 100), shape=(20, d))
    outs = {k: np.empty((20, 512), "f4") for k in (1, 2, 5)}
    tracemalloc.start()
    sketch = PolySketch(d, {1: 512, 2: 512, 5: 512}, seed=0, spread=4)
    sketch(X, outs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    for k, Z in outs.items():
        assert np.isfinite(Z).all()
        assert np.abs(Z @ Z.T / 100.0**k - np.eye(20)).max() < 0.5


def test_seeds_degrees_spreads_and_repr():
    X = sparse_rows(2, 900, 20, dtype=np.float32)
    arguments = {"seed": 1, "spread": 4}
    one = features(PolySketch(900, {4: 40}, **arguments), X)[4]
    assert np.array_equal(features(PolySketch(900, {2: 8, 4: 40}, **arguments), X)[4], one)
    for other in ({"seed": 2, "spread": 4}, {"seed": 1, "spread": 2}, {"seed": 1, "spread": 0}):
        assert not np.allclose(features(PolySketch(900, {4: 40}, **other), X)[4], one)
    sketch = PolySketch(900, {4: 40}, **arguments)
    assert (
        repr(eval(repr(sketch)))
        == repr(sketch)
        == ("PolySketch(900, {4: 40}, seed=1, structure='auto', dtype='float32', spread=4)")
    )


def test_few_rows():
    sketch = PolySketch(50, {2: 10, 3: 11}, seed=0, spread=4)
    empty = features(sketch, sparse.csr_matrix((0, 50), dtype=np.float32))
    assert empty[3].shape == (0, 11)
    assert not features(sketch, sparse.csr_matrix((3, 50), dtype=np.float32))[3].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"spread": 3},
            r"spread must be 0 \(dense leaves\) or one of 1, 2, 4.*got 3\. Use 4 for sparse rows",
        ),
        ({"direction": np.ones(9)}, r"needs sparse leaves.*spread=0\. Subtract it from dense rows"),
        ({"spread": 1, "direction": np.ones(8)}, r"direction must have shape \(9,\).*got shape \(8,\)"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(DualactError, match=message):
        PolySketch(9, {2: 4}, seed=0, **arguments)


def test_refusals_when_called():
    sketch = PolySketch(3, {2: 4}, seed=0, spread=4)
    out = np.empty((2, 4), np.float32)
    with pytest.raises(DualactError, match=r"U must have shape \(b, 3\).*got shape \(2, 4\)"):
        sketch(sparse.csr_matrix((2, 4), dtype=np.float32), {2: out})
    with pytest.raises(DualactError, match=r"dtype float32.*dtype float64\. Reshape or convert"):
        sketch(sparse.csr_matrix((2, 3)), {2: out})
    rows = sparse.csr_matrix((2, 3), dtype=np.float32)
    with pytest.raises(DualactError, match=r"needs a direction.*with direction=None\. Construct it with"):
        sketch(rows, {2: out}, np.zeros(2, np.float32))
    split = PolySketch(3, {2: 4}, seed=0, spread=4, direction=np.eye(3)[0])
    for wrong in (np.zeros(3, np.float32), np.zeros(2)):
        with pytest.raises(DualactError, match=r"along must have shape \(2,\) and dtype float32"):
            split(rows, {2: out}, wrong)


def test_powers_that_overflow_are_refused():
    """As those of dense rows are; and what is subtracted counts."""
    U = sparse_rows(6, 50, 10, dtype=np.float32)
    sketch = PolySketch(50, {2: 9, 8: 40}, seed=0, spread=4)
    assert np.isfinite(features(sketch, U)[8]).all()
    for rows in (U * np.float32(1e6), U.toarray() * np.float32(1e6)):
        with pytest.raises(DualactError, match=r"power 8 of U overflows float32: .*by norm\*\*8"):
            features(sketch, rows)
    shifted = PolySketch(50, {8: 40}, seed=0, spread=4, direction=np.full(50, 50**-0.5))
    assert np.isfinite(features(shifted, U, np.ones(6, np.float32))[8]).all()
    for rows in (U, U * np.float32(0)):
        with pytest.raises(DualactError, match="power 8 of U overflows float32"):
            features(shifted, rows, np.full(6, 1e6, np.float32))
