"""PolySketch: unbiased, of the predicted variance, the same map everywhere."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from dualact.errors import DualactError
from dualact.sketch import native
from dualact.sketch.polysketch import PolySketch
from dualact.sketch.product import product_variance
from dualact.sketch.structures import STRUCTURES, choose, variance


def features(sketch, X):
    U = np.ascontiguousarray(X, dtype=sketch.dtype)
    outs = {k: np.full((len(U), D), np.nan, sketch.dtype) for k, D in sketch.widths.items()}
    sketch(U, outs)
    return outs


def rows_at(cosine, d, n, rng):
    """n pairs of unit rows with this cosine."""
    A = rng.normal(size=(n, d))
    A /= np.linalg.norm(A, axis=1, keepdims=True)
    B = rng.normal(size=(n, d))
    B -= (A * B).sum(axis=1, keepdims=True) * A
    B /= np.linalg.norm(B, axis=1, keepdims=True)
    return A, cosine * A + np.sqrt(1 - cosine**2) * B


def estimates(structure, d, widths, A, B, seeds):
    """For each degree ⟨S a, S b⟩, shape (seeds, pairs)."""
    result = {k: [] for k in widths}
    for seed in range(seeds):
        sketch = PolySketch(d, widths, seed=seed, structure=structure, dtype=np.float64)
        a, b = features(sketch, A), features(sketch, B)
        for k in widths:
            result[k].append((a[k] * b[k]).sum(axis=1))
    return {k: np.array(v) for k, v in result.items()}


def statistics(A, B):
    return (A**2).sum(axis=1) * (B**2).sum(axis=1), (A * B).sum(axis=1), (A**2 * B**2).sum(axis=1)


# Odd widths, widths below and above the smallest transform, short inputs, norms other than 1.
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("d", [1, 5, 40])
def test_unbiased_and_variance_as_predicted(structure, d):
    rng = np.random.default_rng(d)
    widths = {1: 3, 2: 11, 3: 34, 4: 65, 5: 96, 7: 130}
    if d == 1:
        A, B = np.array([[1.0], [0.7]]), np.array([[-0.9], [1.1]])
    else:
        pairs = [rows_at(c, d, 6, rng) for c in (0.0, 0.6, 0.95)]
        A, B = (np.concatenate(p) for p in zip(*pairs, strict=True))
        A, B = 1.1 * A, 0.8 * B
    seeds = 200
    n2, s, t = statistics(A, B)
    got = estimates(structure, d, widths, A, B, seeds)
    for k, D in widths.items():
        predicted = variance(structure, k, D, d, n2, s, t)
        error = got[k] - s**k
        if choose(structure, d, k, D) is None:
            assert np.abs(error).max() < 1e-12
            assert (predicted == 0).all()
            continue
        # unbiased: each pair within z = 5 of the predicted standard error
        standard = np.sqrt(predicted / seeds) + 1e-12
        assert (np.abs(error.mean(axis=0)) < 5 * standard).all(), (k, error.mean(axis=0) / standard)
        measured = (error**2).mean()
        if measured < 1e-20:
            assert predicted.mean() < 1e-14
        elif k <= 4 or "product" not in structure:
            assert 1 / 1.5 < measured / predicted.mean() < 1.5, (k, measured / predicted.mean())


def test_product_variance_is_the_closed_form():
    """Many short transforms behave like independent rows, to 1/p of the cross terms."""
    rng = np.random.default_rng(0)
    A, B = rows_at(0.5, 1000, 4, rng)
    stats = statistics(A, B)
    for k in (1, 2, 3):
        for real in (False, True):
            structure = "real_product" if real else "product"
            exact = variance(structure, k, 16, 1000, *stats)
            if k == 1:
                closed = product_variance(k, 16, *stats, real=True)
            else:
                closed = product_variance(k, 16, *stats, real=real)
            np.testing.assert_allclose(exact, closed, rtol=0.08)
            assert (exact < closed).all()


@pytest.mark.parametrize(("structure", "k"), [("product", 3), ("tree", 6), ("auto", 6), ("wide", 6)])
def test_variance_falls_as_one_over_width(structure, k):
    rng = np.random.default_rng(1)
    X = np.abs(rng.normal(size=(30, 48)))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    K = (X @ X.T) ** k
    error = []
    for D in (128, 512, 2048):
        squares = []
        for seed in range(6):
            Z = features(PolySketch(48, {k: D}, seed=seed, structure=structure), X)[k]
            squares.append(((Z @ Z.T - K) ** 2).mean())
        error.append(np.mean(squares))
    assert 2.4 < error[0] / error[1] < 7
    assert 2.4 < error[1] / error[2] < 7


def test_auto_is_near_the_gaussian_floor_and_below_the_product():
    """Positive data (cosines .4–.9) at degree 8: the floor is ((n²)^k + s^{2k})/D."""
    rng = np.random.default_rng(2)
    X = np.abs(rng.normal(size=(100, 64)))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    c = X @ X.T
    t = X**2 @ (X**2).T
    floor = np.sqrt((1 + c**16).sum() / 1024)
    ratio = {s: np.sqrt(variance(s, 8, 1024, 64, 1.0, c, t).sum()) / floor for s in STRUCTURES}
    assert 1.0 < ratio["wide"] < ratio["auto"] < 1.3
    assert ratio["auto"] < ratio["tree"] < ratio["real_tree"] < ratio["product"] < ratio["real_product"]


@pytest.mark.parametrize("structure", ["auto", "product"])
def test_heavy_coordinates_do_no_harm(structure):
    """Four equal heavy coordinates, equal modulo every short transform (the trap of unpermuted rows)."""
    d, k, D = 64, 3, 32
    X = np.zeros((2, d))
    X[0, [0, 16, 32, 48]] = 0.5
    X[1, [0, 16, 32, 48]] = [0.5, 0.5, 0.5, -0.5]
    A, B = X[[0, 0]], X[[0, 1]]
    n2, s, t = statistics(A, B)
    error = estimates(structure, d, {k: D}, A, B, 400)[k] - s**k
    assert (error**2).mean() < 1.5 * variance(structure, k, D, d, n2, s, t).mean()


def test_errors_of_degrees_are_uncorrelated():
    rng = np.random.default_rng(3)
    A, B = rows_at(0.5, 30, 20, rng)
    got = estimates("auto", 30, {2: 16, 3: 16, 4: 16}, A, B, 60)
    errors = [(got[k] - 0.5**k).ravel() for k in (2, 3, 4)]
    correlation = np.corrcoef(errors)
    assert np.abs(correlation - np.eye(3)).max() < 0.2


def test_exact_degrees_are_exact():
    X = np.random.default_rng(4).normal(size=(10, 4))
    sketch = PolySketch(4, {1: 4, 2: 10, 3: 25}, seed=0, dtype=np.float64)
    assert sketch.exact == (1, 2, 3)
    for k, Z in features(sketch, X).items():
        np.testing.assert_allclose(Z @ Z.T, (X @ X.T) ** k, rtol=1e-12, atol=1e-12)
    assert (features(sketch, X)[3][:, 20:] == 0).all()


@pytest.mark.parametrize("d", [1, 2, 9, 100, 5000])
@pytest.mark.parametrize("D", [1, 2, 63, 500])
def test_any_size_finite_and_zero_rows_stay_zero(d, D):
    X = np.random.default_rng(5).normal(size=(3, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[1] = 0.0
    for k, Z in features(PolySketch(d, {1: D, 3: D, 9: D, 16: D}, seed=1), X).items():
        assert np.isfinite(Z).all()
        assert (Z[1] == 0).all(), k
        assert (Z[0] != 0).any()
    if d < 9:
        return
    sketched = features(PolySketch(d, {2: D}, seed=1, structure="tree"), X)[2]
    assert (np.abs(sketched[[0, 2]]).sum(axis=0) > 0).all()  # every column is used


def test_homogeneous_of_its_degree():
    X = np.random.default_rng(6).normal(size=(4, 12))
    sketch = PolySketch(12, {2: 9, 5: 31}, seed=1, dtype=np.float64)
    one, two = features(sketch, X), features(sketch, -2 * X)
    for k in (2, 5):
        np.testing.assert_allclose(two[k], (-2.0) ** k * one[k], rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(native._compiled is None, reason="the extension was not built")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("d", [1, 2, 3, 9, 64, 300])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_compiled_and_numpy_agree(structure, d, dtype, monkeypatch):
    widths = {1: 7, 2: 33, 3: 100, 4: 65, 5: 129, 7: 300, 8: 1}
    X = np.random.default_rng(d).normal(size=(21, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[0] = 0.0
    compiled = features(PolySketch(d, widths, seed=3, structure=structure, dtype=dtype), X)
    monkeypatch.setattr(native, "_compiled", None)
    plain = features(PolySketch(d, widths, seed=3, structure=structure, dtype=dtype), X)
    for k in widths:
        scale = np.abs(plain[k]).max()
        assert scale > 0 or (d == 1 and widths[k] == 1)
        assert np.abs(compiled[k] - plain[k]).max() <= 64 * np.finfo(dtype).eps * scale


@pytest.mark.skipif(native._compiled is None, reason="the extension was not built")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_bits_do_not_depend_on_blocks_strides_or_memory(dtype):
    widths = {1: 5, 2: 700, 3: 33, 8: 130}
    sketch = PolySketch(10, widths, seed=3, dtype=dtype)
    X = np.random.default_rng(0).normal(size=(37, 10)).astype(dtype)
    whole = features(sketch, X)
    for i in (0, 15, 16, 36):
        one = features(pickle.loads(pickle.dumps(sketch)), X[i : i + 1])
        assert all((one[k][0] == whole[k][i]).all() for k in widths)
    big = np.full((37, 2 * sum(widths.values())), np.nan, dtype)
    views, start = {}, 0
    for k, D in widths.items():
        views[k] = big[:, start : start + 2 * D : 2]
        start += 2 * D
    sketch(np.asfortranarray(X), views)
    assert all((views[k] == whole[k]).all() for k in widths)
    assert np.isnan(big[:, 1::2]).all()
    read_only = X.copy()
    read_only.flags.writeable = False
    assert (features(sketch, read_only)[8] == whole[8]).all()


def test_empty_batch():
    assert features(PolySketch(3, {4: 5}, seed=0), np.empty((0, 3)))[4].shape == (0, 5)


def test_numpy_path_by_environment():
    code = (
        "import numpy as np; from dualact.sketch import hadamard, native, polysketch\n"
        "assert native._compiled is None and not hadamard.has_compiled()\n"
        "s = polysketch.PolySketch(6, {2: 5, 4: 40}, seed=7, dtype='f8')\n"
        "o = {2: np.empty((1, 5)), 4: np.empty((1, 40))}\n"
        "s(np.arange(6.0)[None], o); print(repr([float(o[2][0, 3]), float(o[4][0, 39])]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DUALACT_NO_C": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = features(PolySketch(6, {2: 5, 4: 40}, seed=7, dtype="f8"), np.arange(6.0)[None])
    values = [float(v) for v in run.stdout.strip().strip("[]").split(",")]
    np.testing.assert_allclose(values, [here[2][0, 3], here[4][0, 39]], rtol=1e-10, atol=1e-10)


def test_seeds_degrees_and_repr():
    X = np.random.default_rng(8).normal(size=(2, 9))
    one = features(PolySketch(9, {4: 40}, seed=1), X)[4]
    assert (features(PolySketch(9, {2: 8, 4: 40}, seed=1), X)[4] == one).all()  # a degree ignores the others
    assert not np.allclose(features(PolySketch(9, {4: 40}, seed=2), X)[4], one)
    sketch = PolySketch(9, {4: 40}, seed=1)
    assert repr(sketch) == "PolySketch(9, {4: 40}, seed=1, structure='auto', dtype='float32')"
    assert repr(eval(repr(sketch))) == repr(sketch)
    assert len(pickle.dumps(sketch)) < 500
    assert sketch.block_rows % 16 == 0
    with pytest.raises(TypeError):
        sketch.widths[4] = 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_features": 0}, r"n_features must be at least 1.*got 0"),
        ({"widths": {0: 3}}, r"degrees ≥ 1 to widths ≥ 1.*got \{0: 3\}\. Leave that degree out"),
        ({"widths": {2: 0}}, r"got \{2: 0\}"),
        ({"seed": -1}, r"seed must be a non-negative integer.*got -1"),
        ({"structure": "best"}, r"structure must be one of auto, wide, .*got 'best'\. Use 'auto'"),
        ({"dtype": "i4"}, r"dtype must be float32 or float64.*got int32"),
    ],
)
def test_refusals_when_constructed(arguments, message):
    good = {"n_features": 3, "widths": {2: 4}, "seed": 0}
    with pytest.raises(DualactError, match=message):
        PolySketch(**{**good, **arguments})


@pytest.mark.parametrize(("dtype", "norm"), [("f4", 1e30), ("f4", 1e6), ("f8", 3e38)])
def test_powers_that_overflow(dtype, norm):
    """Refused, with what to do; and that gives the right result."""
    X = np.random.default_rng(9).normal(size=(4, 12))
    U = (X * norm / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype)
    sketch = PolySketch(12, {2: 9, 8: 40}, seed=0, dtype=dtype)
    with pytest.raises(
        DualactError, match=r"power 8 of U overflows float\d\d: .*multiply the result by norm\*\*8"
    ):
        features(sketch, U)
    norms = np.linalg.norm(U.astype(float), axis=1, keepdims=True)
    Z = features(sketch, U / norms)[8].astype(float) * norms**8
    assert np.isfinite(Z).all()
    low = PolySketch(12, {1: 5}, seed=0, dtype=dtype)
    assert np.isfinite(features(low, U)[1]).all()


def test_powers_that_underflow_are_zero():
    U = np.full((2, 5), 1e-30, np.float32)
    assert not features(PolySketch(5, {8: 20}, seed=0), U)[8].any()
    assert np.isfinite(
        features(PolySketch(5, {2: 20, 8: 20}, seed=0), np.full((2, 5), 1e-45, np.float32))[2]
    ).all()


def test_refusals_when_called():
    sketch = PolySketch(3, {2: 4}, seed=0)
    U, out = np.ones((2, 3), np.float32), np.empty((2, 4), np.float32)
    with pytest.raises(DualactError, match=r"U must have shape \(b, 3\).*got shape \(2, 4\)"):
        sketch(np.ones((2, 4), np.float32), {2: out})
    with pytest.raises(DualactError, match=r"dtype float32.*dtype float64\. Reshape or convert"):
        sketch(U.astype(float), {2: out})
    with pytest.raises(DualactError, match=r"degrees \[2\]; got the degrees \[2, 3\]"):
        sketch(U, {2: out, 3: out})
    with pytest.raises(DualactError, match=r"outs\[2\] must have shape \(2, 4\).*got shape \(2, 3\)"):
        sketch(U, {2: out[:, :3]})
