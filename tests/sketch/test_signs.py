"""Random bits: pinned for ever, uniform, independent."""

import numpy as np

from dualact.sketch.signs import permutation, permutation_blocks, phases, signs, words

PINNED_WORDS = [12492077108140196533, 4482314363672241088]
PINNED_SIGNS = [-1, 1, -1, 1, -1, -1, 1, -1, 1, -1, 1, 1]
PINNED_PHASES = [1, 1, 3, 2, 2, 0, 0, 1, 0, 3, 3, 1]
PINNED_PERMUTATION = [1, 3, 6, 2, 0, 7, 5, 4]


def test_streams_are_pinned():
    # A change here changes every sketch that anyone has stored.
    assert [int(w) for w in words((0, 1), 2)] == PINNED_WORDS
    assert signs((0, 1), 12).tolist() == PINNED_SIGNS
    assert phases((0, 1), 12).tolist() == PINNED_PHASES
    assert permutation((0, 1), 8).tolist() == PINNED_PERMUTATION


def test_prefixes_agree_and_keys_differ():
    assert (words((5, 2), 100)[:7] == words((5, 2), 7)).all()
    keys = [(5,), (5, 0), (5, 0, 0), (5, 2), (5, 2, 0), (6,), (0, 5), (2**40, 2), (2**40,)]
    first = {int(words(key, 1)[0]) for key in keys}
    assert len(first) == len(keys)
    assert words((1,), 0).size == 0


def test_signs_are_fair():
    s = signs((3,), 100_000).astype(float)
    assert set(np.unique(s)) == {-1.0, 1.0}
    assert abs(s.sum()) / np.sqrt(s.size) < 4.5
    assert abs((s[:-1] * s[1:]).sum()) / np.sqrt(s.size) < 4.5


def test_phases_are_uniform():
    z = 1j ** phases((4,), 100_000)
    for power in (1, 2, 3):
        assert abs((z**power).sum()) / np.sqrt(z.size) < 4.5
    assert abs((z[:-1] * np.conj(z[1:])).sum()) / np.sqrt(z.size) < 4.5


def test_permutations_are_uniform():
    rows = permutation_blocks((7,), 24_000, 4)
    assert (np.sort(rows, axis=1) == np.arange(4)).all()
    _, counts = np.unique(rows @ np.array([64, 16, 4, 1]), return_counts=True)
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 60  # χ² with 23 degrees of freedom: p < 1e-4
    assert (permutation((7,), 4) == rows[0]).all()
