"""A sketch as data: a circuit of randomised Hadamard transforms and products.

A node multiplies factors elementwise; a factor is a subsampled randomised Hadamard transform (SRHT) of the
exact monomials of the input (degree 1: the input itself) or of an earlier node. With phases σ uniform on
{1, i, −1, −i}, one row z = Σ_j H_rj σ_j a_j has E z(x) z̄(y) = ⟨a(x), a(y)⟩ and E z(x) z(y) = 0; factors with
independent phases multiply, so that a node estimates the product of the kernels of its sources:

    product sketch     R_1 x ⊙ R_2 x ⊙ R_3 x                         one node, k factors
    tree               R_1 (S_4 x) ⊙ R_2 (S'_4 x), S_4 = ...           nodes of two factors
    compression        R (S_8 x)                                      a node of one factor

Where rows are long and sparse, the SRHTs of the input are those of sparse embeddings instead
(:mod:`dualact.sketch.embedding`), which read nothing but the nonzeros.

The last node of a degree writes √2·(Re z, Im z): real numbers, unbiased column by column. This module holds
the shape of a circuit only; :mod:`dualact.sketch.tables` draws its randomness.
"""

from __future__ import annotations

from dataclasses import dataclass

from dualact.sketch.embedding import LARGEST
from dualact.sketch.hadamard import power_of_two
from dualact.sketch.monomials import monomial_count

__all__ = ["Builder", "Circuit", "Factor", "Node", "Segment", "segments"]

SMALLEST = 64  # inputs are not folded below this: two heavy coordinates would meet too often


@dataclass(frozen=True)
class Segment:
    """Rows of a node that are computed together: ``size``, a power of two; the first ``used`` are kept."""

    size: int
    used: int


@dataclass(frozen=True)
class Factor:
    """An SRHT of ``length`` numbers: of node ``source``, or of the monomials of degree −``source``.

    A segment shorter than the transform takes its first rows: the transform of the folded input. A longer
    one holds several transforms, each with its own phases and placement of the coordinates.

    ``spread`` > 0 makes it the transform of a sparse embedding of the input, with so many slots a coordinate.
    """

    source: int
    length: int
    spread: int = 0

    @property
    def order(self) -> int:
        """Largest order of the Hadamard matrix."""
        return LARGEST if self.spread else power_of_two(self.length)


@dataclass(frozen=True)
class Node:
    """The elementwise product of its factors, scaled.

    ``real`` nodes have signs ±1 for phases. ``degree`` is 0 for an inner node; for an output node it names
    the output, which has ``columns`` real columns.
    """

    factors: tuple[Factor, ...]
    segments: tuple[Segment, ...]
    real: bool
    degree: int = 0
    columns: int = 0

    @property
    def rows(self) -> int:
        """Number of rows: complex ones, or real ones if ``real``."""
        return sum(s.used for s in self.segments)

    @property
    def scale(self) -> float:
        """Factor that makes the rows an unbiased estimate of the product kernel."""
        if self.degree == 0:
            return float(self.rows**-0.5)
        return float(((1 if self.real else 2) / self.columns) ** 0.5)


@dataclass(frozen=True)
class Circuit:
    """Nodes in an order in which they can be computed; the last one is the output."""

    n_features: int
    nodes: tuple[Node, ...]

    @property
    def powers(self) -> tuple[int, ...]:
        """Degrees of the exact monomials that are read, ascending."""
        return tuple(sorted({-f.source for n in self.nodes for f in n.factors if f.source < 0 == f.spread}))

    @property
    def work(self) -> int:
        """Rough number of additions a row, for choosing block sizes and comparing structures."""
        total = 0
        for node in self.nodes:
            for f in node.factors:
                for s in node.segments:
                    steps = min(f.order, s.size).bit_length() + 2
                    total += (1 if node.real else 2) * (s.size * steps + (0 if f.spread else f.length))
        return total


def segments(rows: int, largest: int) -> tuple[Segment, ...]:
    """Cut ``rows`` into powers of two: whole blocks of ``largest``, and one block that holds the rest.

    One block for the rest, though two would be shorter: rows of the same transform are negatively
    correlated, which is worth more than the time.

    Parameters
    ----------
    rows : int
        Rows wanted.
    largest : int
        Largest segment, a power of two.

    Returns
    -------
    tuple of Segment

    Examples
    --------
    >>> [(s.size, s.used) for s in segments(1380, 512)]
    [(512, 512), (512, 512), (512, 356)]
    """
    whole, rest = divmod(rows, largest)
    result = [Segment(largest, largest)] * whole
    if rest:
        result.append(Segment(max(power_of_two(rest), min(SMALLEST, largest)), rest))
    return tuple(result)


class Builder:
    """Collects nodes of a circuit over ``n_features`` inputs; ``spread`` > 0 for sparse leaves."""

    def __init__(self, n_features: int, spread: int = 0) -> None:
        self.n_features = n_features
        self.spread = spread
        self.nodes: list[Node] = []

    def length(self, source: int) -> int:
        """Return the number of entries of a source."""
        return monomial_count(self.n_features, -source) if source < 0 else self.nodes[source].rows

    def inner(self, sources: list[int], rows: int, *, real: bool) -> int:
        """Add an inner node with ``rows`` rows, the product of SRHTs of ``sources``; return its number."""
        return self._add(sources, rows, real, 0, 0)

    def output(self, sources: list[int], columns: int, degree: int, *, real: bool) -> Circuit:
        """Add the output node, of ``columns`` real columns, and return the circuit."""
        self._add(sources, columns if real else -(-columns // 2), real, degree, columns)
        return Circuit(self.n_features, tuple(self.nodes))

    def _add(self, sources: list[int], rows: int, real: bool, degree: int, columns: int) -> int:
        factors = tuple(Factor(s, self.length(s), self.spread if s == -1 else 0) for s in sources)
        largest = max(SMALLEST, *(f.order for f in factors))
        parts = segments(rows, min(largest, LARGEST) if any(f.spread for f in factors) else largest)
        self.nodes.append(Node(factors, parts, real, degree, columns))
        return len(self.nodes) - 1
