"""sparse_plus and its derivative sparse_sigmoid.

    sparse_plus(t)    = 0 for t ≤ −1,  (t + 1)²/4 for −1 < t < 1,  t for t ≥ 1
    sparse_sigmoid(t) = min(max((t + 1)/2, 0), 1) = sparse_plus′(t)

Dual      piecewise polynomials: closed in Φ, the normal density and Owen's T.
          E[sparse_plus′ sparse_plus′] is the dual of sparse_sigmoid.
Domain    all u, v ≥ 0, |c| ≤ √(uv).
Accuracy  1e-12 of √(Eφ(u)²·Eφ(v)²), for the covariances as given, at variances 1e-8 … 1e6,
          ρ = ±1 and ±(1 − 1e-12) included; held against 30-digit quadrature by the tests.
Source    jax.nn.sparse_plus, jax.nn.sparse_sigmoid.
"""

from __future__ import annotations

from dualact.nonlinearity.piecewise import piecewise, poly

__all__ = ["sparse_plus", "sparse_sigmoid"]

sparse_plus = piecewise(
    "sparse_plus",
    (-1.0, 1.0),
    (poly(), poly(1 / 4, 1 / 2, 1 / 4), poly(0, 1)),
    formula="0 if t <= -1, (t + 1)^2/4 if t < 1, else t",
    source="jax.nn.sparse_plus",
    accuracy=1e-12,
)

sparse_sigmoid = piecewise(
    "sparse_sigmoid",
    (-1.0, 1.0),
    (poly(), poly(1 / 2, 1 / 2), poly(1)),
    formula="min(max((t + 1)/2, 0), 1)",
    source="jax.nn.sparse_sigmoid",
    accuracy=1e-12,
)
