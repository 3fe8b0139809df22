"""Trees of degree-2 sketches (PolySketch), with exact leaves where they fit, wide inside, compressed once.

A node of degree j multiplies SRHTs of two independent nodes of degrees ⌈j/2⌉ and ⌊j/2⌋ (Ahle et al. 2020), so
every row has fourth moments like those of a degree-2 product, and the variance grows like the number of
nodes rather than like 2^k. Three choices, measured on Gram matrices at equal output dimension:

* inner nodes have as many *complex* rows as the output has real columns (half of that costs half the time
  and 5–10 % in error at degree 4–8; twice of it gains 3–5 %);
* the top product is computed with that many rows too and compressed by one SRHT ("up and down"): the last
  product's own excess on near-collinear pairs goes, 8–12 % at degree 3–5;
* exact monomials of degree e replace subtrees where there are few enough of them: no error from there.

What remains is within 5–15 % of a dense Gaussian projection of x^{⊗k}, variance (n² + s²)^... = (|x|²|y|²)^k + s^{2k}
over D, on every data set tried.
"""

from __future__ import annotations

from dualact.sketch.circuit import Builder, Circuit
from dualact.sketch.hadamard import power_of_two
from dualact.sketch.monomials import monomial_count

__all__ = ["leaf_degree", "tree_circuit"]


def leaf_degree(n_features: int, width: int, degree: int) -> int:
    """Return the largest e ≤ (degree + 1)//2 such that the monomials of degree e are worth to be leaves.

    At most four times as many monomials as inner rows: more would cost more than the subtree they replace.
    """
    e = 1
    while e < (degree + 1) // 2 and monomial_count(n_features, e + 1) <= 4 * width:
        e += 1
    return e


def tree_circuit(
    n_features: int,
    degree: int,
    columns: int,
    *,
    real: bool = False,
    width: int | None = None,
    leaf: int | None = None,
    compress: bool = True,
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
        Rows of inner nodes; default the power of two nearest to ``columns``, at least 64.
    leaf : int, optional
        Largest degree of exact monomials; default :func:`leaf_degree`.
    compress : bool
        Whether the top product is ``width`` rows wide and then compressed to ``columns``.

    Returns
    -------
    Circuit
    """
    if width is None:
        above = power_of_two(columns)
        width = max(above if 4 * columns > 3 * above else above // 2, 64)
    if leaf is None:
        leaf = leaf_degree(n_features, width, degree)
    builder = Builder(n_features)

    def source(j: int) -> int:
        return -j if j <= leaf else builder.inner([source(p) for p in _split(j, leaf)], width, real=real)

    if degree <= leaf:
        return builder.output([-degree], columns, degree, real=real)
    tops = [source(p) for p in _split(degree, leaf)]
    if compress and width > (columns if real else columns // 2):
        tops = [builder.inner(tops, width, real=real)]
    return builder.output(tops, columns, degree, real=real)


def _split(degree: int, leaf: int) -> tuple[int, int]:
    """Balanced in the number of leaves: as many full leaves on either side as possible."""
    leaves = -(-degree // leaf)
    first = min(leaf * -(-leaves // 2), degree - 1)
    return first, degree - first
