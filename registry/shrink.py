"""Shrinkage and thresholding: softshrink, hardshrink, threshold.

    softshrink(t) = t − λ for t > λ,  t + λ for t < −λ,  else 0
    hardshrink(t) = t for |t| > λ, else 0                          (jumps: no derivative, so no NTK)
    threshold(t)  = t for t > threshold, else value                (jumps unless value = threshold)

Dual      piecewise polynomials: closed in Φ, the normal density and Owen's T; where λ > 3√u (the dead zone
          reaches beyond 3 σ) one integral of closed forms, which keeps relative accuracy in the tails.
Domain    all u, v ≥ 0, |c| ≤ √(uv).
Accuracy  1e-13 of √(Eφ(u)²·Eφ(v)²) (beyond 20 σ it is the rounding of the exponent λ²/2u), for the
          covariances as given, at variances 1e-8 … 1e4, ρ = ±1 and ±(1 − 1e-12) included; docs/accuracy.md.
Source    torch.nn.Softshrink, Hardshrink, Threshold.
"""

from __future__ import annotations

import math

from dualact.errors import DualactError
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.piecewise import piecewise, poly

__all__ = ["hardshrink", "softshrink", "threshold"]


def _checked(name: str, lambd: float) -> float:
    if not (lambd >= 0 and math.isfinite(lambd)):
        raise DualactError(f"activation {name!r}: lambd must be a finite number of 0 or more. Got {lambd!r}.")
    return float(lambd)


def softshrink(lambd: float = 0.5) -> Activation:
    """Return sign(t)·max(|t| − λ, 0)."""
    edge = _checked("softshrink", lambd)
    pieces = (poly(edge, 1), poly(), poly(-edge, 1))
    return piecewise(
        "softshrink",
        (-edge, edge) if edge else (0.0,),
        pieces if edge else (pieces[0], pieces[2]),
        params={"lambd": lambd},
        formula="sign(t) max(|t| - lambd, 0)",
        source="torch.nn.Softshrink",
        accuracy=5e-13,
    )


def hardshrink(lambd: float = 0.5) -> Activation:
    """Return t where |t| > λ, else 0."""
    edge = _checked("hardshrink", lambd)
    pieces = (poly(0, 1), poly(), poly(0, 1))
    return piecewise(
        "hardshrink",
        (-edge, edge) if edge else (0.0,),
        pieces if edge else (pieces[0], pieces[2]),
        right=(-edge,) if edge else (),
        params={"lambd": lambd},
        formula="t if |t| > lambd else 0",
        source="torch.nn.Hardshrink",
        accuracy=5e-13,
    )


def threshold(threshold: float, value: float) -> Activation:
    """Return t where t > threshold, else value; both must be given, as in PyTorch."""
    if not (math.isfinite(threshold) and math.isfinite(value)):
        raise DualactError(
            "activation 'threshold': threshold and value must be finite numbers. "
            f"Got threshold={threshold!r}, value={value!r}."
        )
    return piecewise(
        "threshold",
        (threshold,),
        (poly(value), poly(0, 1)),
        params={"threshold": threshold, "value": value},
        formula="t if t > threshold else value",
        source="torch.nn.Threshold",
        accuracy=1e-13,
    )
