"""From a kernel back to an activation: φ with a given NNGP or NTK on the sphere.

Every positive dot-product kernel Σ a_k ρ^k is the NNGP of φ = Σ ±√a_k h_k at unit variance, and every
Σ b_k ρ^k the NTK, for Dense–Act–Dense, of φ = Σ ±√(b_k/(k+1)) h_k; h_k are the normalised probabilists'
Hermite polynomials. At other variances, with f_k the coefficients of φ at unit variance,

    a_l(q) = √q^l Σ_i f_{l+2i} √((l+2i)!/l!) / (2^i i!) · (q − 1)^i.

For q ≤ 1 every factor beside f is at most 1 in size, so nothing cancels that φ does not cancel itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from ..errors import PluginError
from .contract import Activation, Array

__all__ = ["MAX_DEGREE", "from_kernel_series"]

MAX_DEGREE = 512
"""Up to here h_k fits float64 between its zeros; kernels need far fewer terms."""

_BIG = 1e150


def from_kernel_series(
    coefficients: Sequence[float] | Array,
    kind: str = "nngp",
    name: str | None = None,
    signs: str = "positive",
) -> Activation:
    """Return an activation whose kernel is a given power series of the correlation.

    NNGP: φ = Σ ±√a_k h_k. NTK: φ = Σ ±√(b_k/(k+1)) h_k.

    Parameters
    ----------
    coefficients : array-like of float, shape (degree + 1,)
        The series, ascending from ρ⁰; not negative, not all zero.
    kind : {"nngp", "ntk"}
        Whether the series is the NNGP of φ at unit variance, or the NTK of ``Dense, Act, Dense`` with both
        layers trained, the first one giving pre-activations of variance 1, the second without bias.
    name : str, optional
        The name; by default ``"nngp_series"`` or ``"ntk_series"``.
    signs : {"positive", "alternating"}
        Signs of the Hermite coefficients, which the kernel does not determine: all +, or + + − − + + − − …
        (alternating within the even and within the odd degrees).

    Returns
    -------
    Activation
        A polynomial, with exact dual, dual_prime and Hermite coefficients at every variance.

    Raises
    ------
    PluginError
        If a coefficient is negative, infinite or NaN, if there are none or only zeros, or too many.

    Notes
    -----
    ρ is the correlation of the *pre-activations*: it is cos∠(x, y) if the first layer has no bias. Away from
    unit variance the kernel is another one: a series that is to be kept wants inputs of one norm.
    The dual at unit variance is right to 1e-15; the cost is O(degree²) per variance and O(degree) per entry.

    References
    ----------
    Simon, Anand, DeWeese, "Reverse engineering the neural tangent kernel", ICML 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.inverse import from_kernel_series
    >>> act = from_kernel_series([0.5, 0.0, 0.5])
    >>> one, rho = np.array(1.0), np.array([0.0, 0.5, 1.0])
    >>> act.dual(rho, one, one).round(12).tolist()
    [0.5, 0.625, 1.0]
    """
    if kind not in ("nngp", "ntk"):
        raise PluginError(f"from_kernel_series: kind must be 'nngp' or 'ntk'. Got {kind!r}.")
    if signs not in ("positive", "alternating"):
        raise PluginError(f"from_kernel_series: signs must be 'positive' or 'alternating'. Got {signs!r}.")
    series = _checked(coefficients)
    k = np.arange(series.size)
    hermite = np.sqrt(series / (k + 1.0) if kind == "ntk" else series)
    if signs == "alternating":
        hermite = hermite * np.where(k % 4 < 2, 1.0, -1.0)
    f = tuple(float(v) for v in hermite)
    nonzero = {i for i, v in enumerate(f) if v}
    parities = {i % 2 for i in nonzero}
    slope = tuple(math.sqrt(i) * v for i, v in enumerate(f))[1:] or (0.0,)
    return Activation(
        name or f"{kind}_series",
        HermiteSum(f),
        dual=SeriesDual(f),
        dual_prime=SeriesDual(f, prime=True),
        hermite=SeriesCoefficients(f),
        phi_prime=HermiteSum(slope),
        homogeneity=float(min(nonzero)) if nonzero <= {0} or nonzero <= {1} else None,
        params={"coefficients": tuple(float(v) for v in series), "kind": kind, "signs": signs},
        source="Simon, Anand, DeWeese 2022, ICML",
        formula="Σ √a_k h_k(t)" if kind == "nngp" else "Σ √(b_k/(k+1)) h_k(t)",
        parity=("odd" if 1 in parities else "even") if len(parities) == 1 else None,
        accuracy=1e-14,
    )


def _checked(coefficients: Sequence[float] | Array) -> Array:
    try:
        series = np.asarray(coefficients)
        if series.dtype.kind not in "iufO" or series.ndim != 1:
            raise TypeError
        series = series.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise PluginError(
            "from_kernel_series: coefficients must be a sequence of real numbers, ascending from the "
            f"constant. Got {type(coefficients).__name__}."
        ) from None
    if series.size == 0:
        raise PluginError("from_kernel_series: coefficients must have at least one term. Got none.")
    if not np.all(np.isfinite(series)):
        i = int(np.flatnonzero(~np.isfinite(series))[0])
        raise PluginError(
            f"from_kernel_series: coefficients must be finite. Got {series[i]!r} at degree {i}; "
            "their sum is the kernel at ρ = 1 and must exist."
        )
    if np.any(series < 0):
        i = int(np.flatnonzero(series < 0)[0])
        raise PluginError(
            f"from_kernel_series: coefficients must not be negative. Got {series[i]:g} at degree {i}; "
            "a series with a negative term is no positive definite kernel in every dimension, so no "
            "activation has it (Schoenberg)."
        )
    if not np.any(series):
        raise PluginError("from_kernel_series: coefficients are all zero; the kernel, and φ, would vanish.")
    series = series[: int(np.flatnonzero(series)[-1]) + 1]
    if series.size > MAX_DEGREE + 1:
        raise PluginError(
            f"from_kernel_series: the degree must be at most {MAX_DEGREE}. Got {series.size - 1}; "
            "truncate the series (the rest acts as a ridge)."
        )
    if not math.isfinite(sum(series.tolist())):
        raise PluginError("from_kernel_series: the sum of the coefficients, the kernel at ρ = 1, overflows.")
    return series


@final
@dataclass(frozen=True)
class HermiteSum:
    """t ↦ Σ f_k h_k(t), by the three-term recurrence with a running scale, so that no h_k overflows."""

    coef: tuple[float, ...]

    def __call__(self, t: Array) -> Array:
        """Return the sum, in the shape of t."""
        t = np.asarray(t, dtype=np.float64)
        before, now = np.zeros_like(t), np.ones_like(t)
        total = np.full_like(t, self.coef[0])
        scale = np.zeros_like(t)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for k, f in enumerate(self.coef[1:]):
                factor = t / math.sqrt(k + 1)
                large = np.abs(now) > _BIG / np.maximum(1.0, np.abs(factor))
                if np.any(large):
                    shrink = np.where(large, np.maximum(np.abs(now), 1.0), 1.0)
                    before, now, total = before / shrink, now / shrink, total / shrink
                    scale = scale + np.log(shrink)
                before, now = now, factor * now - math.sqrt(k / (k + 1)) * before
                total = total + f * now
            if np.any(scale):
                total = np.where((scale > 0) & (total != 0), _unscaled(total, scale), total)
        return np.asarray(total)


def _unscaled(total: Array, scale: Array) -> Array:
    return np.asarray(np.sign(total) * np.exp(np.log(np.abs(total)) + scale))


@final
@dataclass(frozen=True)
class SeriesCoefficients:
    """Hermite coefficients of Σ f_k h_k(√q z) at any variance q."""

    coef: tuple[float, ...]

    def __call__(self, variance: Array, degree: int) -> Array:
        """Return a_0 … a_degree, shape ``variance.shape + (degree + 1,)``."""
        q = np.asarray(variance, dtype=np.float64)
        root = np.sqrt(q)
        out = np.zeros((*q.shape, degree + 1))
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for l in range(min(degree, len(self.coef) - 1) + 1):
                out[..., l] = root**l * _inner(self.coef, l, q)
        return _finite(out, q)


@final
@dataclass(frozen=True)
class SeriesDual:
    """E[φ(u)φ(v)], or E[φ′(u)φ′(v)], of φ = Σ f_k h_k: a polynomial in cov."""

    coef: tuple[float, ...]
    prime: bool = False

    def __call__(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        """Return the dual, in the broadcast shape."""
        cov, var_u, var_v = (np.asarray(a, dtype=np.float64) for a in (cov, var_u, var_v))
        # a_l(p)·a_l(q)·ρ^l = g_l(p)·g_l(q)·cov^l: no division by a variance that may be 0
        shape = np.broadcast_shapes(cov.shape, var_u.shape, var_v.shape)
        total = np.zeros(shape)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for l in range(len(self.coef) - 1, -1 + self.prime, -1):
                weight = _per_variance(self.coef, l, var_u) * _per_variance(self.coef, l, var_v)
                total = total * cov + (l * weight if self.prime else weight)
        return _finite(total, np.maximum(var_u, var_v))


def _per_variance(coef: tuple[float, ...], l: int, q: Array) -> Array:
    """Return g_l at every variance, each distinct value once (most kernels have one variance)."""
    if q.size < 64 or not np.all(q == q.flat[0]):
        return _inner(coef, l, q)
    return _inner(coef, l, np.asarray(q.flat[0]))


def _inner(coef: tuple[float, ...], l: int, q: Array) -> Array:
    """Return g_l(q) = Σ_i f_{l+2i} √((l+2i)!/l!)/(2^i i!) (q − 1)^i, by Horner's rule in ratios."""
    total = np.zeros_like(q)
    for i in range((len(coef) - 1 - l) // 2, -1, -1):
        ratio = math.sqrt((l + 2 * i + 1) * (l + 2 * i + 2)) / (2 * (i + 1))
        total = total * ((q - 1.0) * ratio) + coef[l + 2 * i]
    return np.asarray(total)


def _finite(out: Array, variance: Array) -> Array:
    if not np.all(np.isfinite(out)):
        raise PluginError(
            f"from_kernel_series: E φ² overflows float64 at variance {float(np.max(variance)):g}; expected "
            "variances near 1, where the series is meant. Add LayerNorm(), lower weight_std, or truncate "
            "the series."
        )
    return out
