"""Which circuit sketches a degree, and the variance it has."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualact.sketch.circuit import Builder, Circuit
from dualact.sketch.moments import circuit_variance
from dualact.sketch.monomials import monomial_count
from dualact.sketch.product import product_circuit
from dualact.sketch.tree import tree_circuit, tree_width

__all__ = ["STRUCTURES", "choose", "variance"]

Array = NDArray[Any]
STRUCTURES = ("auto", "wide", "product", "real_product", "tree", "real_tree")


@lru_cache(maxsize=512)
def choose(structure: str, n_features: int, degree: int, columns: int, spread: int = 0) -> Circuit | None:
    """Return the circuit for one degree, or None if the exact monomials fit in the columns.

    Parameters
    ----------
    structure : str
        One of :data:`STRUCTURES`. ``"auto"`` takes, in this order: exact monomials if they fit; one real SRHT
        of them if they are at most four times too many; the complex-to-real product at degree 2; the
        compressed complex tree from degree 3 on. ``"wide"`` is the same with twice the inner rows: twice the
        time, 3–8 % less error. ``"product"`` and ``"tree"`` are the plain complex-to-real sketches, the
        other two their counterparts with signs ±1.
    n_features : int
        d.
    degree : int
        k ≥ 1.
    columns : int
        Real output columns D ≥ 1.
    spread : int
        Slots a coordinate of sparse leaves; 0 for dense ones.

    Returns
    -------
    Circuit or None
    """
    count = monomial_count(n_features, degree)
    best = structure in ("auto", "wide")
    if count <= columns and (best or degree == 1):
        return None
    if degree == 1 or (best and count <= 4 * columns and not spread):
        return Builder(n_features, spread).output([-degree], columns, degree, real=True)
    real = structure.startswith("real")
    if structure.endswith("product") or (best and degree == 2):
        return product_circuit(n_features, degree, columns, real=real, spread=spread)
    if structure.endswith("tree"):
        return tree_circuit(n_features, degree, columns, real=real, leaf=1, top=0, spread=spread)
    width = (2 if structure == "wide" else 1) * tree_width(columns)
    return tree_circuit(n_features, degree, columns, width=width, spread=spread)


def variance(
    structure: str, k: int, D: int, d: int, n2: ArrayLike, s: ArrayLike, t: ArrayLike, *, spread: int = 0
) -> Array:
    """Return Var⟨S_k x, S_k y⟩ of a sketch of degree k with D columns, for rows of any norm.

    Parameters
    ----------
    structure : str
        As in :class:`PolySketch`.
    k, D, d : int
        Degree, columns, length of the rows.
    n2, s, t : array_like
        |x|²|y|², ⟨x, y⟩ and Σ x_i² y_i²; broadcast together.
    spread : int
        As in :class:`PolySketch`.

    Returns
    -------
    ndarray
        0 where the degree is exact.

    Notes
    -----
    The second moments of the circuit are carried through exactly (:mod:`dualact.sketch.moments`), for
    products and trees alike; the one approximation is t of exact monomials, which errs upwards.

    Examples
    --------
    >>> [round(float(variance("auto", 4, D, 64, 1.0, 0.5, 0.0)) * D, 2) for D in (512, 1024, 2048)]
    [1.07, 1.05, 1.04]
    """
    n2, s, t = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (n2, s, t)))
    circuit = choose(structure, d, k, D, spread)
    if circuit is None:
        return np.zeros(n2.shape)
    return circuit_variance(circuit, n2, s, t)
