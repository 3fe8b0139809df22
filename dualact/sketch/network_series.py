"""The series of a network on a sample, for the design of a feature map."""

from __future__ import annotations

import math

import numpy as np

from ..errors import DualactError
from ..exact.recursion import propagate, trace_variances
from ..network.spec import Network
from ..nonlinearity.contract import Array
from .pairs import diagonal_of, packed
from .radial import RadialBasis
from .sample import Sample
from .sampled import SampledSeries

__all__ = ["exact_kernel", "network_series"]

_FLAT_TAIL = 0.01


def exact_kernel(network: Network, sample: Sample, with_theta: bool) -> Array:
    """Return the exact kernel of the sample's pairs, packed.

    Raises
    ------
    DualactError
        If it overflows.
    """
    trace = trace_variances(network.layers, sample.mean_squares, with_theta)
    roots = np.sqrt(sample.mean_squares)
    i, j = np.triu_indices(roots.size)
    with np.errstate(over="ignore", invalid="ignore"):
        kernel = propagate(
            network.layers,
            packed(sample.cosines) * roots[i] * roots[j],
            tuple(v[i] for v in trace.variances),
            tuple(v[j] for v in trace.variances),
            with_theta,
        )
    if not np.all(np.isfinite(kernel)):
        raise DualactError(
            f"the kernel of X overflows: its rows have norms of up to {roots.max():.3g} (over √d). "
            "Scale X down."
        )
    return kernel


def network_series(basis: RadialBasis, sample: Sample, target: Array, max_degree: int) -> SampledSeries:
    """Return the series of a network on a sample.

    Parameters
    ----------
    basis : RadialBasis
        Of degree at least ``max_degree``.
    sample : Sample
    target : (p,) array
        Its exact kernel, packed.
    max_degree : int
        The degree beyond which the series counts as tail.

    Returns
    -------
    SampledSeries
    """
    # Nothing depends on the unit of the kernel, but its square must not overflow, nor vanish.
    unit = float(diagonal_of(target).max()) or 1.0
    tail = basis.tail(max_degree)
    return SampledSeries(
        basis.degrees,
        basis(sample.mean_squares) / math.sqrt(unit),
        basis.zero,
        target / unit,
        tail(sample.mean_squares) if tail.spread >= _FLAT_TAIL else None,
    )
