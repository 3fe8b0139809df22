"""Leaky units at the slopes of their papers: prelu (0.25), rrelu (11/48); and squared_relu.

    prelu(t)        = max(t, 0) + slope·min(t, 0), slope = 1/4 (its value at initialisation)
    rrelu(t)        = the same at slope = (1/8 + 1/3)/2 = 11/48 (its mean, as used in evaluation)
    squared_relu(t) = max(t, 0)²

Dual      homogeneous: closed in θ = arccos(c/√(uv)); no Owen's T is met.
Domain    all u, v ≥ 0, |c| ≤ √(uv).
Accuracy  2e-15 of √(Eφ(u)²·Eφ(v)²), for the covariances as given, at variances 1e-8 … 1e6,
          ρ = ±1 and ±(1 − 1e-12) included; held against 30-digit quadrature by the tests.
Source    He et al. 2015 (prelu); Xu et al. 2015 (rrelu); So et al. 2021, "Primer" (squared_relu);
          the dual: Cho & Saul 2009.
"""

from __future__ import annotations

import math

from dualact.errors import DualactError
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.piecewise import piecewise, poly

__all__ = ["prelu", "rrelu", "squared_relu"]

_ACCURACY = 2e-15


def prelu(slope: float = 0.25) -> Activation:
    """Return max(t, 0) + slope·min(t, 0)."""
    if not math.isfinite(slope):
        raise DualactError(f"activation 'prelu': slope must be a finite number. Got {slope!r}.")
    return piecewise(
        "prelu",
        (0.0,),
        (poly(0, slope), poly(0, 1)),
        params={"slope": slope},
        formula="max(t, 0) + slope min(t, 0)",
        source="He et al. 2015",
        accuracy=_ACCURACY,
    )


rrelu = piecewise(
    "rrelu",
    (0.0,),
    (poly(0, 11 / 48), poly(0, 1)),
    formula="max(t, 0) + 11/48 min(t, 0)",
    source="Xu et al. 2015",
    accuracy=_ACCURACY,
)

squared_relu = piecewise(
    "squared_relu",
    (0.0,),
    (poly(), poly(0, 0, 1)),
    formula="max(t, 0)^2",
    source="So et al. 2021",
    accuracy=_ACCURACY,
)
