"""The exact second moments of a circuit, carried from node to node.

For a vector a(x) (a source, or a node's output) with kernel κ = ⟨a(x), a(y)⟩ let

    N = E ‖a(x)‖²‖a(y)‖²,   S = E |κ|²,   Q = Re E κ²,   T = E Σ_i |a_i(x)|²|a_i(y)|².

One row of an SRHT of a with quarter-turn phases has E|z(x)|²|z(y)|² = N + S − T and E (z(x) z̄(y))² = 2Q − T.
Two rows r, r' of one transform of order p (random placement of the coordinates) have

    E κ_r κ̄_r' = S − (N − T)/(p−1),   E κ_r κ_r' = Q − (Q − T)/(p−1),
    E |z_r(x)|²|z_r'(y)|² = N − (S − T)/(p−1);

rows of different transforms have S, Q, N. With signs ±1: N + 2S − 2T for both rows, S − (N + S − 2T)/(p−1)
and N − 2(S − T)/(p−1) for pairs.

A sparse leaf (:mod:`dualact.sketch.embedding`) with s slots a coordinate has E|g_ri|⁴ = 2 − 1/s (signs:
3 − 2/s), so that rows have T/s in place of T. Pairs of its rows have S, Q, N, but for rows that are equal
modulo the size b of its blocks: with χ_j the product of their entries in block j, Σ_j χ_j = 0, so that
E|g_ri|²|g_r'i|² = 1 + Σ_{j≠l} χ_j χ_l/s² = 1 − 1/s (signs: 1 − 2/s), and T/s (signs: 2T/s) goes off all
three. Over all rows of a transform that adds up to T.

Independent factors multiply and rows average, so the recursion closes: the
variance of the real output is (S + Q)/2 − s^{2k}, exact but for T of exact monomials, which is bounded below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dualact.sketch.circuit import Circuit, Factor, Node

__all__ = ["Moments", "circuit_variance"]

Array = NDArray[Any]


class Moments(NamedTuple):
    """E of norms, of squared kernel, of the (not conjugated) square, and of the diagonal sum."""

    N: Array
    S: Array
    Q: Array
    T: Array


def _half_row(node: Node) -> bool:
    """Whether the last row is kept with its real part only: an odd number of columns."""
    return not node.real and node.columns % 2 == 1


def _weights(node: Node) -> Array:
    """How much each row counts."""
    weights = np.ones(node.rows)
    if _half_row(node):
        weights[-1] = 0.5
    return weights


class _Pairs(NamedTuple):
    """Ordered pairs of different rows that have the same moments.

    ``weight`` is the sum of the products of their weights; factors of order ``shared`` and above have both
    rows in one transform; ``aligned`` rows are equal modulo the blocks of sparse leaves.
    """

    weight: float
    shared: float
    aligned: bool


def _pairs(node: Node) -> list[_Pairs]:
    """Sort the pairs by the smallest transform that holds both: factors with a larger one share it too."""
    weights = _weights(node)
    sizes = np.concatenate([np.full(p.used, p.size) for p in node.segments])
    place = np.concatenate([np.arange(p.used) for p in node.segments])
    segment = np.repeat(np.arange(len(node.segments)), [p.used for p in node.segments])
    spread = max(f.spread for f in node.factors)

    def together(*labels: Array) -> float:
        """Weight of the pairs that agree in every label."""
        joint = np.zeros(len(weights), dtype=np.int64)
        for label in labels:
            joint = joint * (int(label.max()) + 1) + label
        _, joint = np.unique(joint, return_inverse=True)
        return float((np.bincount(joint, weights) ** 2).sum() - (weights**2).sum())

    orders: list[float] = sorted({f.order for f in node.factors if not f.spread})
    runs = [(segment, place // np.minimum(p, sizes)) for p in orders]
    all_pairs = [*(together(*run) for run in runs), float(weights.sum() ** 2 - (weights**2).sum())]
    aligned = [0.0] * len(all_pairs)
    if spread:
        alike = place % (sizes // spread)
        aligned = [*(together(*run, alike) for run in runs), together(segment, alike)]
    result = []
    for i, shared in enumerate([*orders, np.inf]):
        # exactly the pairs that share runs of this order and larger, but not of smaller ones
        both = aligned[i] - (aligned[i - 1] if i else 0.0)
        count = all_pairs[i] - (all_pairs[i - 1] if i else 0.0)
        result += [_Pairs(count - both, shared, False), _Pairs(both, shared, True)]
    return [pairs for pairs in result if pairs.weight > 0]


def _pair_moments(m: Moments, f: Factor, pairs: _Pairs, real: bool) -> tuple[Array, Array, Array]:
    """N, S and Q of one factor for two different rows."""
    if f.spread:
        less = m.T * ((2 if real else 1) / f.spread if pairs.aligned else 0.0)
        return m.N - less, m.S - less, m.Q - less
    share = 1.0 / (f.order - 1) if f.order >= pairs.shared and f.order > 1 else 0.0
    if real:
        s = m.S - (m.N + m.S - 2 * m.T) * share
        return m.N - 2 * (m.S - m.T) * share, s, s
    return m.N - (m.S - m.T) * share, m.S - (m.N - m.T) * share, m.Q - (m.Q - m.T) * share


def _node_moments(node: Node, inputs: list[Moments]) -> Moments:
    row_s: Array = np.ones(())
    row_q: Array = np.ones(())
    fourth: Array = np.ones(())
    for m, f in zip(inputs, node.factors, strict=True):
        diagonal = m.T / max(f.spread, 1)
        row_s = row_s * (m.N + 2 * m.S - 2 * diagonal if node.real else m.N + m.S - diagonal)
        row_q = row_q * (m.N + 2 * m.S - 2 * diagonal if node.real else 2 * m.Q - diagonal)
        fourth = fourth * diagonal

    weights = _weights(node)
    weight, squares = float(weights.sum()), float((weights**2).sum())
    N, S, Q = row_s * squares, row_s * squares, row_q * squares
    if _half_row(node):  # 2 Re z(x) Re z(y) = Re κ + Re z(x)z(y), the last of mean zero
        S = S + (row_s + fourth) / 8
        Q = Q + (row_s + fourth) / 8
    for pairs in _pairs(node):
        n: Array = np.full((), pairs.weight)
        s, q = n, n
        for m, f in zip(inputs, node.factors, strict=True):
            of_n, of_s, of_q = _pair_moments(m, f, pairs, node.real)
            n, s, q = n * of_n, s * of_s, q * of_q
        N, S, Q = N + n, S + s, Q + q
    S, Q = S / weight**2, Q / weight**2
    return Moments(N / weight**2, S, S if node.real else Q, row_s / weight)


def circuit_variance(circuit: Circuit, n2: Array, s: Array, t: Array) -> Array:
    """Return Var⟨S x, S y⟩ of the output of a circuit.

    Parameters
    ----------
    circuit : Circuit
        The sketch.
    n2, s, t : ndarray
        |x|²|y|², ⟨x, y⟩ and Σ x_i² y_i², broadcast together.

    Returns
    -------
    ndarray
    """
    exact = {-p: Moments(n2**p, s ** (2 * p), s ** (2 * p), t**p) for p in {1, *circuit.powers}}
    known: list[Moments] = []
    for node in circuit.nodes:
        inputs = [exact[f.source] if f.source < 0 else known[f.source] for f in node.factors]
        known.append(_node_moments(node, inputs))
    last = known[-1]
    return np.asarray(np.maximum((last.S + last.Q) / 2 - s ** (2 * circuit.nodes[-1].degree), 0.0))
