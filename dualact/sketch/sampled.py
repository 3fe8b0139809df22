"""A kernel as the design of a feature map sees it: a series and its values on a sample."""

from __future__ import annotations

from dataclasses import dataclass

from ..nonlinearity.contract import Array

__all__ = ["SampledSeries"]


@dataclass(frozen=True, eq=False)
class SampledSeries:
    """A series K(x, y) ≈ Σ_t f_t(|x|) f_t(|y|) cos^{degree_t} on a sample, in a unit of its own.

    The design depends on these numbers alone, whether they come from a network or from a polynomial.

    Attributes
    ----------
    degrees : (t,) int array
        The power of the cosine that goes with each function, ascending.
    functions : (s, t) array
        f_t of the sample's rows.
    zero : (t,) array
        f_t of the zero row.
    target : (p,) array
        K of the sample's pairs, packed; its diagonal is 1 at most.
    tail : (s,) array or None
        The share of K(x, x) that the series misses, where it changes with the norm.
    unbiased : bool
        The series is the kernel, for all rows: the map has its whole series for expectation, each degree with
        the factor one. Otherwise factors are fitted to the target.
    """

    degrees: Array
    functions: Array
    zero: Array
    target: Array
    tail: Array | None = None
    unbiased: bool = False
