"""Sparse embeddings: their hash, their moments, and that they are linear."""

import numpy as np
import pytest

from dualact.sketch.embedding import LARGEST, SPREADS, draw_embedding, hashed
from dualact.sketch.sparse_rows import SparseRows

F8 = np.dtype(np.float64)
# Sets of coordinates that a poor hash would put into few slots.
PLACES = {
    "consecutive": np.arange(64),
    "strided": np.arange(64) * 4096,
    "powers": np.sort(np.concatenate([1 << np.arange(32), 3 << np.arange(32)])),
    "far": np.arange(64) * (1 << 40) + 5,
}


def dense_rows(X, places):
    """Rows of X with the columns sent to these places."""
    b, count = X.shape
    return SparseRows(X.ravel().astype(float), np.tile(places, b), np.arange(b + 1) * count)


def word(index, first, second):
    mask = (1 << 64) - 1
    z = (index + first) * 0x9E3779B97F4A7C15 & mask
    z = ((z ^ z >> 32) + second) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 29) * 0x94D049BB133111EB & mask
    return z ^ z >> 32


def test_words_are_integer_arithmetic():
    """A map must be the same in every release: the words are pinned by their definition."""
    indices = np.array([0, 1, 2, 1000, 2**31, 2**62])
    key = (0x123456789ABCDEF0, 0xFEDCBA9876543210)
    assert [int(w) for w in hashed(indices, key)] == [word(int(i), *key) for i in indices]


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_words_are_uniform_and_independent(places):
    """Bits even, pairs of bits even, words under different keys unrelated: |z| below 5 for each."""
    words = np.stack([hashed(places, draw_embedding((7, k), 64, 1, real=True).key) for k in range(400)])
    bits = (words[..., None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(float) * 2 - 1
    count = bits[..., 0].size
    rows = bits.reshape(count, 64)
    correlation = rows.T @ rows / np.sqrt(count)
    assert np.abs(rows.sum(axis=0) / np.sqrt(count)).max() < 5
    assert np.abs(correlation[np.triu_indices(64, 1)]).max() < 5
    between_keys = (bits[:-1] * bits[1:]).sum(axis=(0, 1)) / np.sqrt(count)
    between_places = (bits[:, :-1] * bits[:, 1:]).sum(axis=(0, 1)) / np.sqrt(count)
    assert np.abs(between_keys).max() < 5
    assert np.abs(between_places).max() < 5


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("real", [True, False])
def test_every_coordinate_goes_into_one_slot_of_each_block(spread, real):
    size = 256
    places = np.arange(500)
    re, im = draw_embedding((3, 1), size, spread, real=real)(dense_rows(np.eye(500), np.arange(500)))
    entries = re if im is None else re + 1j * im
    blocks = entries.reshape(len(places), spread, size // spread)
    assert (np.count_nonzero(blocks, axis=2) == 1).all()
    phases = blocks[blocks != 0] * np.sqrt(spread)
    allowed = [1, -1] if real else [1, 1j, -1, -1j]
    assert np.abs(phases[:, None] - allowed).min(axis=1).max() < 1e-12
    assert all(np.mean(np.abs(phases - turn) < 0.1) > 0.8 / len(allowed) for turn in allowed)
    filled = np.count_nonzero(blocks, axis=0)
    assert filled.max() < 5 * 500 / (size // spread) + 10


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_moments_are_the_closed_ones(spread, real, places):
    """E⟨Sx, Sy⟩ = c; variance (n² + c² − 2t)/w with signs, (n² − t)/w with quarter turns, whatever s; and
    E|Sx|²|Sy|² = n² + 2(c² − t)/w (signs), n² + (c² − t)/w."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 64)) * np.exp(-np.arange(64) / 4)  # a few heavy coordinates
    n2, c, t = (x @ x) * (y @ y), x @ y, x**2 @ y**2
    size, seeds = 64, 2000
    rows = dense_rows(np.stack([x, y]), places)
    inner, norms = [], []
    for seed in range(seeds):
        re, im = draw_embedding((seed, 5), size, spread, real=real)(rows)
        a, b = re if im is None else re + 1j * im
        inner.append(a @ np.conj(b))
        norms.append((a @ np.conj(a)).real * (b @ np.conj(b)).real)
    error = np.array(inner) - c
    expected = ((n2 + c**2 - 2 * t) if real else (n2 - t)) / size
    standard = np.sqrt(expected / seeds)
    assert abs(error.mean()) < 5 * standard
    assert np.mean(np.abs(error) ** 2) == pytest.approx(expected, rel=0.2)
    extra = (2 if real else 1) * (c**2 - t) / size
    assert abs(np.mean(norms) - n2 - extra) < 5 * np.std(norms) / np.sqrt(seeds)


@pytest.mark.parametrize("real", [True, False])
def test_the_direction_is_subtracted_after_the_fact(real):
    rng = np.random.default_rng(1)
    X, direction, along = rng.standard_normal((5, 40)), rng.standard_normal(40), rng.standard_normal(5)
    leaf = draw_embedding((1, 2), 64, 4, real=real, direction=direction)
    bare = draw_embedding((1, 2), 64, 4, real=real)
    one = leaf(SparseRows.of(X, F8), along)
    two = bare(SparseRows.of(X - along[:, None] * direction, F8))
    for a, b in zip(one, two, strict=True):
        assert (a is None) == (b is None) == (real and a is not one[0])
        assert a is None or np.allclose(a, b, atol=1e-12)
    assert np.array_equal(leaf(SparseRows.of(X, F8))[0], bare(SparseRows.of(X, F8))[0])


def test_the_largest_block_fits_its_bits():
    re, _ = draw_embedding((0, 0), LARGEST, 1, real=True)(dense_rows(np.ones((1, 40_000)), np.arange(40_000)))
    assert np.count_nonzero(re) > 0.6 * LARGEST  # every slot is reached: 1 − e^{−2.4} are, and some cancel
    assert np.count_nonzero(re[0, LARGEST // 2 :]) > 0.3 * LARGEST
