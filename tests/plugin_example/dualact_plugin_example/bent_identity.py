"""Bent identity: φ(x) = (√(x² + 1) − 1)/2 + slope·x, given as text.

No formula but the function's own: derivative and structure are taken from the expression, the duals are
computed. sympy is imported when the activation is made, not when this module is.
"""

from __future__ import annotations

import dualact as da


def bent_identity(slope: float = 1.0) -> da.Activation:
    """Return φ(x) = (√(x² + 1) − 1)/2 + slope·x."""
    return da.from_expression("bent_identity", "(sqrt(x**2 + 1) - 1)/2 + slope*x", slope=slope)
