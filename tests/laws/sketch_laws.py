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
