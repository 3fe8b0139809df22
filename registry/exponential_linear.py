"""Exponential linear units: elu, celu, selu.

    elu(t)  = t for t > 0,  α(e^t − 1) for t ≤ 0
    celu(t) = t for t > 0,  α(e^{t/α} − 1) for t ≤ 0            (differentiable for every α)
    selu(t) = λ·elu(t; α), λ = 1.0507009873554805, α = 1.6732632423543772

Dual      computed: each is analytic on either side of 0, and the rule for such functions beats the closed
          conditional form (``PiecewiseDual``, 30–40 µs an entry, 1e-14), which remains its check.
Domain    all u, v ≥ 0, |c| ≤ √(uv).
Accuracy  2e-14 of √(Eφ(u)²·Eφ(v)²), at variances 1e-8 … 1e4 (docs/accuracy.md).
Source    Clevert, Unterthiner & Hochreiter 2016; Barron 2017 (celu); Klambauer et al. 2017 (selu).
"""

from __future__ import annotations

import math

from dualact.errors import DualactError
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.piecewise import Term, piecewise, poly

__all__ = ["celu", "elu", "selu"]

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def elu(alpha: float = 1.0) -> Activation:
    """Return t for t > 0, α(e^t − 1) for t ≤ 0."""
    if not math.isfinite(alpha):
        raise DualactError(f"activation 'elu': alpha must be a finite number. Got {alpha!r}.")
    return piecewise(
        "elu",
        (0.0,),
        ((Term(alpha, rate=1.0), Term(-alpha)), poly(0, 1)),
        params={"alpha": alpha},
        formula="t if t > 0 else alpha (exp(t) - 1)",
        source="Clevert, Unterthiner & Hochreiter 2016",
        accuracy=1e-13,
    )


def celu(alpha: float = 1.0) -> Activation:
    """Return t for t > 0, α(e^{t/α} − 1) for t ≤ 0; α > 0."""
    if not (alpha > 0 and math.isfinite(alpha)):
        raise DualactError(
            "activation 'celu': alpha must be a finite number above 0, for exp(t/alpha) has to decay. "
            f"Got {alpha!r}."
        )
    return piecewise(
        "celu",
        (0.0,),
        ((Term(alpha, rate=1.0 / alpha), Term(-alpha)), poly(0, 1)),
        params={"alpha": alpha},
        formula="t if t > 0 else alpha (exp(t/alpha) - 1)",
        source="Barron 2017",
        accuracy=1e-13,
    )


selu = piecewise(
    "selu",
    (0.0,),
    (
        (Term(_SELU_SCALE * _SELU_ALPHA, rate=1.0), Term(-_SELU_SCALE * _SELU_ALPHA)),
        poly(0, _SELU_SCALE),
    ),
    formula="1.0507 (t if t > 0 else 1.6733 (exp(t) - 1))",
    source="Klambauer, Unterthiner, Mayr & Hochreiter 2017",
    accuracy=1e-13,
)
