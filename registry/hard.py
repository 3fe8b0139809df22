"""Clipped and hard-gated activations: relu6, hard_tanh, hard_sigmoid, hard_swish.

    relu6(t)        = min(max(t, 0), 6)
    hard_tanh(t)    = min(max(t, −1), 1)
    hard_sigmoid(t) = min(max(t/6 + 1/2, 0), 1)
    hard_swish(t)   = t · hard_sigmoid(t)          (also called hard_silu)

Dual      piecewise polynomials: closed in Φ, the normal density and Owen's T.
Hermite   a_1, a_3, a_5 of hard_tanh at unit variance, normalised probabilists':
          0.682689, −0.197568, 0.088355 (0 at even degrees)
Domain    all u, v ≥ 0, |c| ≤ √(uv).
Accuracy  1e-12 of √(Eφ(u)²·Eφ(v)²), for the covariances as given, at variances 1e-8 … 1e6,
          ρ = ±1 and ±(1 − 1e-12) included; held against 30-digit quadrature by the tests.
Source    torch.nn.ReLU6, Hardtanh, Hardsigmoid, Hardswish; Howard et al. 2019, "Searching for MobileNetV3".
"""

from __future__ import annotations

from dualact.nonlinearity.piecewise import piecewise, poly

__all__ = ["hard_sigmoid", "hard_swish", "hard_tanh", "relu6"]

_TORCH = "torch.nn; Howard et al. 2019"

relu6 = piecewise(
    "relu6",
    (0.0, 6.0),
    (poly(), poly(0, 1), poly(6)),
    formula="min(max(t, 0), 6)",
    source=_TORCH,
    accuracy=1e-12,
)

hard_tanh = piecewise(
    "hard_tanh",
    (-1.0, 1.0),
    (poly(-1), poly(0, 1), poly(1)),
    formula="min(max(t, -1), 1)",
    source=_TORCH,
    accuracy=1e-12,
)

hard_sigmoid = piecewise(
    "hard_sigmoid",
    (-3.0, 3.0),
    (poly(), poly(1 / 2, 1 / 6), poly(1)),
    formula="min(max(t/6 + 1/2, 0), 1)",
    source=_TORCH,
    accuracy=1e-12,
)

hard_swish = piecewise(
    "hard_swish",
    (-3.0, 3.0),
    (poly(), poly(0, 1 / 2, 1 / 6), poly(0, 1)),
    formula="t min(max(t/6 + 1/2, 0), 1)",
    source=_TORCH,
    accuracy=1e-12,
)
