"""How close features are to a kernel, and how large a kernel is at a ridge."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from .errors import DualactError

__all__ = ["effective_dimension", "relative_error", "spectral_error"]

Array = NDArray[np.float64]


def relative_error(K: Any, Z: Any) -> float:
    """Relative Frobenius error ‖K − ZZᵀ‖ / ‖K‖.

    Parameters
    ----------
    K : (n, n) array
        Kernel matrix.
    Z : (n, m) array
        Features.

    Returns
    -------
    float

    Raises
    ------
    DualactError
        If the shapes do not fit, or K is zero.

    Examples
    --------
    >>> import numpy as np
    >>> relative_error(np.eye(2), np.array([[1.0, 0.0], [0.0, 0.0]])).__round__(4)
    0.7071
    """
    K, Z = _pair("relative_error", K, Z)
    size = float(np.linalg.norm(K))
    if size == 0:
        raise DualactError("relative_error: K is zero, so there is nothing to be relative to.")
    return float(np.linalg.norm(K - Z @ Z.T)) / size


def spectral_error(K: Any, Z: Any, ridge: float) -> float:
    """Smallest ε with (1−ε)(K+λI) ⪯ ZZᵀ+λI ⪯ (1+ε)(K+λI): Z as a subspace embedding of K.

    Parameters
    ----------
    K : (n, n) array
        Kernel matrix, positive semi-definite.
    Z : (n, m) array
        Features.
    ridge : float
        λ > 0, in the units of K.

    Returns
    -------
    float

    Raises
    ------
    DualactError
        If the shapes do not fit, λ ≤ 0, or K + λI is not positive definite.

    Notes
    -----
    The largest |μ − 1| over the generalised eigenvalues μ of (ZZᵀ+λI, K+λI); time n³.

    Examples
    --------
    >>> import numpy as np
    >>> round(spectral_error(np.eye(2), np.zeros((2, 1)), 1.0), 12)
    0.5
    """
    K, Z = _pair("spectral_error", K, Z)
    _positive("spectral_error", ridge)
    shift = ridge * np.eye(len(K))
    try:
        values = eigh(Z @ Z.T + shift, (K + K.T) / 2 + shift, eigvals_only=True)
    except np.linalg.LinAlgError as error:
        raise DualactError(
            f"spectral_error: K + λI is not positive definite at λ={ridge:g}; "
            "K must be positive semi-definite."
        ) from error
    return float(np.abs(values - 1).max())


def effective_dimension(K: Any, ridge: float) -> float:
    """Effective dimension s_λ = tr K(K + λI)⁻¹: how many features a ridge of λ leaves in use.

    Parameters
    ----------
    K : (n, n) array
        Kernel matrix, positive semi-definite.
    ridge : float
        λ > 0.

    Returns
    -------
    float
        Between 0 and n.

    Raises
    ------
    DualactError
        If K is not square, or λ ≤ 0.

    Examples
    --------
    >>> import numpy as np
    >>> effective_dimension(np.eye(4), 1.0)
    2.0
    """
    K = np.asarray(K, dtype=np.float64)
    _square("effective_dimension", K)
    _positive("effective_dimension", ridge)
    values = np.maximum(np.linalg.eigvalsh((K + K.T) / 2), 0.0)
    return float((values / (values + ridge)).sum())


def _pair(owner: str, K: Any, Z: Any) -> tuple[Array, Array]:
    K = np.asarray(K, dtype=np.float64)
    Z = np.asarray(Z, dtype=np.float64)
    _square(owner, K)
    if Z.ndim != 2 or len(Z) != len(K):
        raise DualactError(
            f"{owner}: Z must be features of shape ({len(K)}, m), one row per row of K. Got {Z.shape}."
        )
    if not np.isfinite(Z).all():
        raise DualactError(f"{owner}: Z must be finite.")
    return K, Z


def _square(owner: str, K: Array) -> None:
    if K.ndim != 2 or K.shape[0] != K.shape[1] or K.size == 0:
        raise DualactError(f"{owner}: K must be a square kernel matrix. Got shape {K.shape}.")
    if not np.isfinite(K).all():
        raise DualactError(f"{owner}: K must be finite.")


def _positive(owner: str, ridge: object) -> None:
    if isinstance(ridge, bool) or not isinstance(ridge, Real) or not 0 < float(ridge) < np.inf:
        raise DualactError(f"{owner}: ridge must be a positive number. Got {ridge!r}.")
