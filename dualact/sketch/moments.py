"""The exact second moments of a circuit, carried from node to node.

For a vector a(x) (a source, or a node's output) with kernel κ = ⟨a(x), a(y)⟩ let

    N = E ‖a(x)‖²‖a(y)‖²,   S = E |κ|²,   Q = Re E κ²,   T = E Σ_i |a_i(x)|²|a_i(y)|².

One row of an SRHT of a with quarter-turn phases has E|z(x)|²|z(y)|² = N + S − T and E (z(x) z̄(y))² = 2Q − T.
Two rows r, r' of one transform of order p (random placement of the coordinates) have

    E κ_r κ̄_r' = S − (N − T)/(p−1),   E κ_r κ_r' = Q − (Q − T)/(p−1),
    E |z_r(x)|²|z_r'(y)|² = N − (S − T)/(p−1);

rows of different transforms have S, Q, N. With signs ±1: N + 2S − 2T for both rows, S − (N + S − 2T)/(p−1)
and N − 2(S − T)/(p−1) for pairs. Independent factors multiply and rows average, so the recursion closes: the
variance of the real output is (S + Q)/2 − s^{2k}, exact but for T of exact monomials, which is bounded below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dualact.sketch.circuit import Circuit, Node

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


def _same_block_pairs(node: Node, block: int) -> float:
    """Weight of the pairs of different rows in the same run of ``block`` rows of the same segment."""
    total = 0.0
    for g, part in enumerate(node.segments):
        size = min(block, part.size)
        whole, rest = divmod(part.used, size)
        total += whole * size * (size - 1) + rest * (rest - 1)
        if g == len(node.segments) - 1 and _half_row(node):
            total -= (rest or size) - 1  # the last row has weight one half in each of its pairs
    return total


def _node_moments(node: Node, inputs: list[Moments]) -> Moments:
    naturals = [f.order for f in node.factors]
    row_s: Array = np.ones(())
    row_q: Array = np.ones(())
    fourth: Array = np.ones(())
    for m in inputs:
        row_s = row_s * (m.N + 2 * m.S - 2 * m.T if node.real else m.N + m.S - m.T)
        row_q = row_q * (m.N + 2 * m.S - 2 * m.T if node.real else 2 * m.Q - m.T)
        fourth = fourth * m.T

    weight, squares = (
        float(node.rows),
        float(node.rows),
    )  # sum of the weights of the rows, and of their squares
    if _half_row(node):
        weight, squares = weight - 0.5, squares - 0.75
    # Pairs of rows, by the smallest transform that holds both: factors with a larger one share a block too.
    levels = sorted(set(naturals))
    pairs = [_same_block_pairs(node, p) for p in levels]
    N, S, Q = row_s * squares, row_s * squares, row_q * squares
    if _half_row(node):  # 2 Re z(x) Re z(y) = Re κ + Re z(x)z(y), the last of mean zero
        S = S + (row_s + fourth) / 8
        Q = Q + (row_s + fourth) / 8
    for g in range(len(levels) + 1):
        # exactly the pairs that share blocks of order levels[g] and larger, but not smaller ones
        count = (pairs[g] if g < len(levels) else weight**2 - squares) - (pairs[g - 1] if g else 0.0)
        if count == 0:
            continue
        n: Array = np.full((), count)
        s: Array = np.full((), count)
        q: Array = np.full((), count)
        for m, p in zip(inputs, naturals, strict=True):
            share = 1.0 / (p - 1) if g < len(levels) and p >= levels[g] and p > 1 else 0.0
            if node.real:
                n = n * (m.N - 2 * (m.S - m.T) * share)
                s = s * (m.S - (m.N + m.S - 2 * m.T) * share)
                q = s
            else:
                n = n * (m.N - (m.S - m.T) * share)
                s = s * (m.S - (m.N - m.T) * share)
                q = q * (m.Q - (m.Q - m.T) * share)
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
    exact = {-p: Moments(n2**p, s ** (2 * p), s ** (2 * p), t**p) for p in circuit.powers}
    known: list[Moments] = []
    for node in circuit.nodes:
        inputs = [exact[f.source] if f.source < 0 else known[f.source] for f in node.factors]
        known.append(_node_moments(node, inputs))
    last = known[-1]
    return np.asarray(np.maximum((last.S + last.Q) / 2 - s ** (2 * circuit.nodes[-1].degree), 0.0))
