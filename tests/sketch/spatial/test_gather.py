"""Sums over patches: unbiased, the same with and without compiled code, exact where concatenated."""

import numpy as np
import pytest

from dualact.network.geometry import window_of
from dualact.network.layers import Conv
from dualact.sketch.spatial import gather as module
from dualact.sketch.spatial.basis import Basis, leading
from dualact.sketch.spatial.gather import Gather, Gatherer
from dualact.sketch.spatial.walk import flat_window

CONVS = [
    Conv(3),
    Conv(3, strides=2),
    Conv((2, 3), padding="valid"),
    Conv(3, padding="circular"),
    Conv((4, 2), strides=(2, 1)),
]


def _features(seed, n=2, shape=(5, 4), m=9):
    return np.random.default_rng(seed).standard_normal((n, *shape, m))


def _patch_means(x, y, window):
    """⟨·,·⟩ of patches, mean over the places, for one input on either side: (p, p')."""
    rows = []
    for features in (x, y):
        padded = window.padded(features[None], 1)[0]
        parts = [padded[window.place(offset)].reshape(-1, features.shape[-1]) for offset in window.offsets()]
        rows.append(np.stack(parts))
    return np.einsum("kpm,kqm->pq", *rows) / window.count


@pytest.mark.parametrize("conv", CONVS, ids=repr)
def test_concatenation_is_exact(conv):
    window = window_of(conv, (5, 4))
    F = _features(0)
    Z = Gatherer(Gather(window, 9, None), (0,), np.float64)(F)
    got = Z[0].reshape(-1, Z.shape[-1]) @ Z[1].reshape(-1, Z.shape[-1]).T
    np.testing.assert_allclose(got, _patch_means(F[0], F[1], window), atol=1e-12)


@pytest.mark.parametrize("conv", CONVS, ids=repr)
def test_signed_sums_are_unbiased(conv):
    window = window_of(conv, (5, 4))
    F = _features(1)
    gather = Gather(window, 9, leading(F.reshape(-1, 9), 2))
    estimates = []
    for seed in range(400):
        Z = Gatherer(gather, (seed,), np.float64)(F)
        estimates.append(Z[0].reshape(-1, Z.shape[-1]) @ Z[1].reshape(-1, Z.shape[-1]).T)
    mean, spread = np.mean(estimates, axis=0), np.std(estimates, axis=0) / 20
    assert np.all(np.abs(mean - _patch_means(F[0], F[1], window)) <= 5 * spread + 1e-6)
    assert spread.max() > 1e-3  # it is a sketch, not the exact sum


@pytest.mark.skipif(module._compiled is None, reason="no compiled code")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("conv", CONVS, ids=repr)
def test_compiled_and_numpy_agree(conv, dtype, monkeypatch):
    window = window_of(conv, (5, 4))
    F = _features(2, m=70).astype(dtype)
    for basis in (None, leading(F.reshape(-1, 70), 3)):
        gatherer = Gatherer(Gather(window, 70, basis), (3,), dtype)
        fast = gatherer(F, 1.5, 2)[..., :-2]
        with monkeypatch.context() as patched:
            patched.setattr(module, "_compiled", None)
            slow = gatherer(F, 1.5, 2)[..., :-2]
        assert fast.dtype == dtype
        np.testing.assert_allclose(fast, slow, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-6)


@pytest.mark.skipif(module._compiled is None, reason="no compiled code")
def test_compiled_code_refuses_wrong_sizes():
    one = np.ones(4)
    index = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="the arrays do not have the sizes"):
        module._compiled.gather(one, one, index, index, one, 1.0, one, (2, 1, 1, 1, 1, 1, 1, 4, 0, 4))


def test_heavy_directions_lower_the_variance():
    rng = np.random.default_rng(4)
    window = window_of(Conv(3), (5, 4))
    F = rng.standard_normal((2, 5, 4, 1)) * np.ones(16) + 0.1 * rng.standard_normal((2, 5, 4, 16))
    basis = leading(F.reshape(-1, 16), 1)
    assert basis.share > 0.9
    none = Basis(np.zeros((16, 0), np.float32), ())
    exact = _patch_means(F[0], F[1], window)

    def error(kept):
        found = []
        for seed in range(30):
            Z = Gatherer(Gather(window, 16, kept), (seed,), np.float64)(F)
            found.append(np.linalg.norm(Z[0].reshape(20, -1) @ Z[1].reshape(20, -1).T - exact))
        return np.mean(found)

    assert error(basis) < 0.1 * error(none)


def test_flatten_is_the_mean_over_equal_positions():
    F = _features(5)
    Z = Gatherer(Gather(flat_window((5, 4)), 9, None), (0,), np.float64)(F)
    assert Z.shape == (2, 1, 1, 180)
    np.testing.assert_allclose(Z[0, 0, 0] @ Z[1, 0, 0], np.sum(F[0] * F[1]) / 20)


def test_round_trip():
    gather = Gather(window_of(Conv(3), (5, 4)), 9, leading(_features(6).reshape(-1, 9), 2))
    again = Gather.from_dict(gather.to_dict(), gather.window)
    assert np.array_equal(again.basis.matrix, gather.basis.matrix)
    assert (again.length, again.width, again.basis.shares) == (9, gather.width, gather.basis.shares)
