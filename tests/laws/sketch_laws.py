"""What a sketch of several degrees keeps over its seeds; ``make(seed)`` returns the sketch."""

from __future__ import annotations

import numpy as np

SEEDS = 300


def _errors(make, x, y):
    """(SEEDS, degrees): errors of ⟨S_k x, S_k y⟩ in units of their own spread, and their means."""
    rows = np.stack([x, y])
    errors = []
    for seed in range(SEEDS):
        sketch = make(seed)
        outs = {k: np.empty((2, width)) for k, width in sketch.widths.items()}
        sketch(rows, outs)
        errors.append([outs[k][0] @ outs[k][1] - (x @ y) ** k for k in sketch.widths])
    return np.array(errors)


def unbiased(make, x, y):
    """The mean error over seeds is zero, to five standard errors."""
    errors = _errors(make, x, y)
    spread = errors.std(axis=0)
    assert (spread > 0).all()
    assert (np.abs(errors.mean(axis=0)) <= 5 * spread / np.sqrt(SEEDS)).all()


def degrees_are_uncorrelated(make, x, y):
    """Errors of different degrees have no correlation, to five standard errors."""
    correlation = np.corrcoef(_errors(make, x, y).T)
    off = correlation[~np.eye(len(correlation), dtype=bool)]
    assert np.abs(off).max() <= 5 / np.sqrt(SEEDS)


def _out(sketch, rows):
    outs = {k: np.full((rows.shape[0], width), np.nan, sketch.dtype) for k, width in sketch.widths.items()}
    sketch(rows, outs)
    return outs


def _rows(sketch, rows):
    from scipy import sparse

    rows = np.ascontiguousarray(rows, dtype=sketch.dtype)
    return sparse.csr_array(rows) if sketch.spread else rows


def _close(got, want, rtol):
    np.testing.assert_allclose(got, want, rtol=0, atol=rtol * max(float(np.abs(want).max(initial=0)), 1e-30))


def homogeneous(sketch, X):
    """S_k(c·x) = c^k·S_k(x); c = −2 is exact in floating point."""
    one, two = _out(sketch, _rows(sketch, X)), _out(sketch, _rows(sketch, -2.0 * X))
    for k in sketch.widths:
        _close(two[k], (-2.0) ** k * one[k], 1e-5 if sketch.dtype == np.float32 else 1e-13)


def rows_do_not_leak(sketch, X):
    """A row's sketch is the same alone, among others, and anywhere among them: to the bit if compiled."""
    whole = _out(sketch, _rows(sketch, X))
    back = _out(sketch, _rows(sketch, X[::-1]))
    for i in range(len(X)):
        alone = _out(sketch, _rows(sketch, X[i : i + 1]))
        for k in sketch.widths:
            for other in (alone[k][0], back[k][len(X) - 1 - i]):
                if sketch._program is not None:
                    assert other.tobytes() == whole[k][i].tobytes()
                else:
                    _close(other, whole[k][i], 1e-5 if sketch.dtype == np.float32 else 1e-13)


def strides_do_not_count(sketch, X):
    """Output goes into views of any strides, and input comes from any memory."""
    rows = _rows(sketch, X)
    plain = _out(sketch, rows)
    outs = {}
    for k, width in sketch.widths.items():
        outs[k] = np.zeros((2 * width, 3 * len(X)), sketch.dtype).T[::3, ::2]
    sketch(rows if sketch.spread else np.asfortranarray(rows), outs)
    for k in sketch.widths:
        assert np.ascontiguousarray(outs[k]).tobytes() == plain[k].tobytes()


def exact_degrees_are_exact(sketch, X):
    """A degree whose monomials fit has no error at all."""
    outs = _out(sketch, _rows(sketch, X))
    for k in sketch.exact:
        gram = outs[k].astype(float) @ outs[k].astype(float).T
        want = (X @ X.T) ** k
        _close(gram, want, 1e-4 if sketch.dtype == np.float32 else 1e-12)


def compiled_is_interpreted(sketch, X, monkeypatch):
    """The compiled program and NumPy make the same map."""
    from dualact.sketch import polysketch

    compiled = _out(sketch, _rows(sketch, X))
    with monkeypatch.context() as patch:
        patch.setattr(polysketch, "compile_program", lambda *a: None)
        rebuild, arguments = sketch.__reduce__()
        slow = _out(rebuild(*arguments), _rows(sketch, X))
    for k in sketch.widths:
        _close(compiled[k], slow[k], 2e-5 if sketch.dtype == np.float32 else 1e-12)


def variance_is_as_predicted(make, x, y, predicted):
    """The mean square error over seeds is the one that the circuit's moments say, to a half.

    ``predicted`` maps the degrees to their variances.
    """
    rows = np.stack([x, y])
    squares = {k: [] for k in predicted}
    for seed in range(SEEDS):
        sketch = make(seed)
        outs = _out(sketch, _rows(sketch, rows))
        for k in predicted:
            squares[k].append((outs[k][0] @ outs[k][1] - (x @ y) ** k) ** 2)
    for k, want in predicted.items():
        assert 1 / 1.6 < np.mean(squares[k]) / want < 1.6, k


def embeds_a_subspace(make, X, k, ridge, epsilon):
    """(1 − ε)(K + λI) ⪯ ZZᵀ + λI ⪯ (1 + ε)(K + λI) at the dimension that the effective dimension asks for.

    E|(K+λ)^{−½}(ZZᵀ − K)(K+λ)^{−½}|_F² ≤ C·s_λ²/D for a sketch whose products of any two tensors have
    variance ≤ C·|a|²|b|²/D, C = 2 + 3^k (Avron, Nguyen, Woodruff 2014); with D = C s_λ²/(δε²) all but a share
    δ of the seeds succeed, by Markov's inequality.
    """
    import dualact as da

    K = (X @ X.T) ** k
    size = da.metrics.effective_dimension(K, ridge)
    share = 0.2
    columns = int(np.ceil((2 + 3**k) * size**2 / (share * epsilon**2)))
    seeds = 10
    errors = []
    for seed in range(seeds):
        Z = _out(make(seed, columns), X)[k]
        errors.append(da.metrics.spectral_error(K, Z, ridge))
    assert np.max(errors) > 1e-9  # a sketch, not the monomials
    assert np.mean(np.array(errors) > epsilon) <= share, (columns, errors)


def no_stream_is_read_twice(make):
    """Whatever ``make`` makes draws each of its signs, turns and places from a stream of its own."""
    keys = _streams(make)
    assert len(keys) == len(set(keys)), [key for key in keys if keys.count(key) > 1][:3]
    return keys


def _streams(make):
    from dualact.sketch import embedding, signs
    from dualact.sketch.random import projections

    keys, words = [], signs.words

    def noted(key, count):
        keys.append(tuple(key))
        return words(key, count)

    signs.words = embedding.words = projections.words = noted
    try:
        make()
    finally:
        signs.words = embedding.words = projections.words = words
    return keys
