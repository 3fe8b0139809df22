"""Product sketches: z = ⊙_{j≤k} R_j x, the R_j independent SRHTs.

With n² = |x|²|y|², s = ⟨x, y⟩, t = Σ x_i² y_i² and D real columns of independent rows,

    signs ±1             Var = [(n² + 2s² − 2t)^k − s^{2k}] / D
    quarter turns (CtR)  Var = [½(n² + s² − t)^k + ½(2s² − t)^k − s^{2k}] · 2/D

(Wacker, Ohana, Filippone 2023): at cos = 1 the 3^k of real signs becomes 2^k. Rows of one transform of order
p are better than independent ones: two of them have covariance [s² − (n² + s² − 2t)/(p−1)]^k − s^{2k} (signs)
and ½[s² − (n² − t)/(p−1)]^k + ½[s² − (s² − t)/(p−1)]^k − s^{2k} (quarter turns), below zero where it matters,
provided that every factor places the coordinates by a permutation of its own (without it, two heavy
coordinates make the variance several times larger) and that inputs shorter than the number of rows get
several transforms with their own phases (else rows repeat).

Good to degree 3; beyond, the relative variance at cos = 1 grows as 2^k (signs: 3^k), carried by rare rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualact.sketch.circuit import Builder, Circuit

__all__ = ["product_circuit", "product_variance"]

Array = NDArray[Any]


def product_circuit(
    n_features: int, degree: int, columns: int, *, real: bool = False, spread: int = 0
) -> Circuit:
    """Return the circuit of a product sketch of x^{⊗k}.

    Parameters
    ----------
    n_features : int
        d, the number of inputs.
    degree : int
        k ≥ 1.
    columns : int
        Real output columns.
    real : bool
        Signs ±1 in place of quarter turns.
    spread : int
        Slots a coordinate of sparse leaves; 0 for dense ones.

    Returns
    -------
    Circuit
    """
    return Builder(n_features, spread).output([-1] * degree, columns, degree, real=real)


def product_variance(k: int, D: int, n2: Array, s: Array, t: Array, *, real: bool = False) -> Array:
    """Return the variance of ⟨S x, S y⟩ for a product sketch with independent rows.

    Parameters
    ----------
    k : int
        Degree.
    D : int
        Real columns.
    n2, s, t : ndarray
        |x|²|y|², ⟨x, y⟩ and Σ x_i² y_i², broadcast together.
    real : bool
        Signs ±1 in place of quarter turns.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> one, zero = np.float64(1), np.float64(0)
    >>> [round(float(product_variance(3, 1, one, one, zero, real=r)), 1) for r in (True, False)]
    [26.0, 14.0]
    """
    if real:
        return np.asarray(((n2 + 2 * s**2 - 2 * t) ** k - s ** (2 * k)) / D)
    return np.asarray(((n2 + s**2 - t) ** k + (2 * s**2 - t) ** k - 2 * s ** (2 * k)) / D)
