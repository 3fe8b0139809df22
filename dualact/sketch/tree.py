"""Trees of degree-2 sketches (PolySketch), exact at the leaves where they fit, wide inside, compressed once.

A node of degree j multiplies SRHTs of two independent nodes of degrees near j/2 (Ahle et al. 2020): each row
has the fourth moments of a degree-2 product, and the variance grows with the number of nodes, not as 2^k.
Measured against the floor, a dense Gaussian projection of x^{⊗k} with variance (n^{2k} + s^{2k})/D (relative
Frobenius errors as multiples of the floor's, D = 300..1170, degrees 3..8, complex rows):

    inner rows   top rows      digits       centred digits   ten tight clusters   relative time
    D/2          none          1.20–1.35    1.02–1.04        1.07–1.36            1
    D            none          1.15–1.29    1.02–1.03        1.06–1.23            1.6
    D            D             1.10–1.20    1.01–1.02        1.03–1.18            1.8
    2 D          2 D           1.03–1.09    1.00–1.01        1.01–1.10            3.5

"Top rows" is the width of the last product, before one SRHT compresses it to D columns ("up and down"): drawn
without replacement from one transform, the compression costs nothing where rows are uncorrelated, and it
removes the last product's excess at cosines near 1. Exact monomials of degree e replace subtrees of degree e
where there are few enough of them: no error from there. Complex trees beat
real ones of equal time: signs ±1 with twice the inner rows have 1.0–1.25 times the error on digits (degrees 4
and 8, two seeds).
"""

from __future__ import annotations

from dualact.sketch.circuit import SMALLEST, Builder, Circuit
from dualact.sketch.hadamard import power_of_two
from dualact.sketch.monomials import monomial_count

__all__ = ["leaf_degree", "tree_circuit", "tree_width"]


def leaf_degree(n_features: int, width: int, degree: int) -> int:
    """Return the largest e ≤ (degree + 1)//2 such that the monomials of degree e are worth to be leaves.

    At most four times as many monomials as inner rows: more would cost more than the subtree they replace.
    """
    e = 1
    while e < (degree + 1) // 2 and monomial_count(n_features, e + 1) <= 4 * width:
        e += 1
    return e


def tree_width(columns: int) -> int:
    """Return the power of two nearest to ``columns``, at least 64.

    Examples
    --------
    >>> [tree_width(D) for D in (1, 100, 700, 800, 1170)]
    [64, 128, 512, 1024, 1024]
    """
    above = power_of_two(columns)
    return max(above if 4 * columns > 3 * above else above // 2, SMALLEST)


def tree_circuit(
    n_features: int,
    degree: int,
    columns: int,
    *,
    real: bool = False,
    width: int | None = None,
    leaf: int | None = None,
    top: int | None = None,
    spread: int = 0,
) -> Circuit:
    """Return the circuit of a tree sketch of x^{⊗k}.

    Parameters
    ----------
    n_features : int
        d, the number of inputs.
    degree : int
        k ≥ 1.
    columns : int
        Real output columns.
    real : bool
        Signs ±1 in place of quarter turns, throughout.
    width : int, optional
        Rows of inner nodes; default :func:`tree_width`.
    leaf : int, optional
        Largest degree of exact monomials; default :func:`leaf_degree`.
    top : int, optional
        Rows of the top product before it is compressed to ``columns``; 0 for no compression. Default: as
        ``width``.
    spread : int
        Slots a coordinate of sparse leaves, which are of degree 1; 0 for dense ones.

    Returns
    -------
    Circuit
    """
    if width is None:
        width = tree_width(columns)
    if top is None:
        top = width
    if leaf is None:
        leaf = 1 if spread else leaf_degree(n_features, width, degree)
    builder = Builder(n_features, spread)

    def source(j: int) -> int:
        return -j if j <= leaf else builder.inner([source(p) for p in _split(j, leaf)], width, real=real)

    if degree <= leaf:
        return builder.output([-degree], columns, degree, real=real)
    tops = [source(p) for p in _split(degree, leaf)]
    if top:
        tops = [builder.inner(tops, top, real=real)]
    return builder.output(tops, columns, degree, real=real)


def _split(degree: int, leaf: int) -> tuple[int, int]:
    """Balanced in the number of leaves: as many full leaves on either side as possible."""
    leaves = -(-degree // leaf)
    first = min(leaf * -(-leaves // 2), degree - 1)
    return first, degree - first
