"""Two sequences from which closed Hermite coefficients are made, stable to any degree.

Written with factorials both overflow at degree 171 and cancel long before; as products of ratios
(or, for the Poisson weights, as Loader's deviance) every term keeps its relative accuracy.
"""

from __future__ import annotations

import math

import numpy as np

from .contract import Array

__all__ = ["even_sequence", "log_poisson", "poisson_root"]

_STIRLING_FROM = 16


def even_sequence(ratio: Array, count: int) -> Array:
    """Return g_j = r^j (2j−1)!!/√((2j)!) for j = 0 … count − 1.

    These are the even Hermite coefficients of e^{bt²} up to a factor, with r = 2bq/(1 − 2bq), because
    E[e^{bqz²} He_{2j}(z)] = (1 − 2bq)^{−½} (2j−1)!! r^j.

    Parameters
    ----------
    ratio : ndarray of float64, any shape
        r, with \\|r\\| ≤ 1.
    count : int
        Number of terms, at least 1.

    Returns
    -------
    ndarray of float64, shape ratio.shape + (count,)
        Relative error below about count·ε.

    Examples
    --------
    >>> import numpy as np
    >>> even_sequence(np.array(1.0), 3).round(6).tolist()
    [1.0, 0.707107, 0.612372]
    """
    j = np.arange(1, count, dtype=np.float64)
    factors: Array = np.ones((*np.shape(ratio), count))
    factors[..., 1:] = np.multiply.outer(ratio, np.sqrt((2 * j - 1) / (2 * j)))
    return np.cumprod(factors, axis=-1, out=factors)


def poisson_root(mean: Array, degree: int) -> Array:
    """Return √(e^{−x} x^k / k!) for k = 0 … degree: the root of the Poisson probabilities of mean x.

    These are the moduli of the Hermite coefficients of e^{ibt}, with x = b²·variance.

    Parameters
    ----------
    mean : ndarray of float64, any shape
        x ≥ 0.
    degree : int
        The last k.

    Returns
    -------
    ndarray of float64, shape mean.shape + (degree + 1,)

    See Also
    --------
    log_poisson : twice the logarithm, with the formula and its accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> poisson_root(np.array(1.0), 2).round(6).tolist()
    [0.606531, 0.606531, 0.428882]
    """
    result = log_poisson(mean, degree)
    result *= 0.5
    with np.errstate(under="ignore"):
        return np.exp(result, out=result)


def log_poisson(mean: Array, degree: int) -> Array:
    """Return ln(e^{−x} x^k / k!) for k = 0 … degree.

    Parameters
    ----------
    mean : ndarray of float64, any shape
        x ≥ 0.
    degree : int
        The last k.

    Returns
    -------
    ndarray of float64, shape mean.shape + (degree + 1,)
        −∞ where x = 0 < k.

    Notes
    -----
    ln P(k) = −D − ½ln(2πk) − δ(k), D = x − k + k ln(k/x), δ the Stirling remainder (Loader 2000, "Fast
    and accurate computation of binomial probabilities"): absolute error about ε·(1 + |x − k|) near
    the mean and ε·|ln P| far from it, where k ln x − x − ln k! has ε·k ln k everywhere.
    """
    x = np.asarray(mean, dtype=np.float64)[..., np.newaxis]
    k = np.arange(1, degree + 1, dtype=np.float64)
    result: Array = np.empty((*np.shape(mean), degree + 1))
    with np.errstate(under="ignore", divide="ignore", over="ignore"):
        result[..., :1] = -x
        away = (x - k) / k
        # ln(x/k): by log1p where x ≈ k and the deviance is a small difference, plainly where x ≪ k
        deviance = k * (away - np.where(away > -0.5, np.log1p(away), np.log(x / k)))
        result[..., 1:] = -(deviance + 0.5 * np.log(2 * np.pi * k) + _stirling(k))
    return result


def _stirling(k: Array) -> Array:
    """Return ln k! − (k + ½) ln k + k − ½ ln 2π for k = 1, 2, …"""
    small = [
        math.log(math.factorial(i)) - (i + 0.5) * math.log(i) + i - 0.5 * math.log(2 * math.pi)
        for i in range(1, min(_STIRLING_FROM, k.size + 1))
    ]
    inverse = 1.0 / k[len(small) :]
    square = inverse * inverse
    series = inverse * (
        1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))
    )
    return np.concatenate([np.array(small), series])
