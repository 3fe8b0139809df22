"""Walsh–Hadamard transform over the last axis, in Sylvester order.

H_1 = [1],  H_2n = [[H_n, H_n], [H_n, −H_n]]; entry (i, j) is (−1)^popcount(i & j); H_n H_n = n·1. Compiled
code does the work where the extension was built, matrix products with small Hadamard matrices elsewhere; the
two agree to rounding, and the compiled one gives each row the same bits in every batch.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualact.errors import DualactError
from dualact.sketch.compiled import load

__all__ = ["hadamard", "hadamard_matrix", "has_compiled", "power_of_two"]

Array = NDArray[Any]
_compiled = load("_hadamard")
_RADIX = 4  # log2 of the usual order of a matrix in the NumPy path
_BLOCK = 1 << 15  # numbers a block, so that a block and its temporary stay in L2


def has_compiled() -> bool:
    """Return whether the compiled transform is in use (not with DUALACT_NO_C=1 in the environment)."""
    return _compiled is not None


def power_of_two(n: int) -> int:
    """Return the least power of two that is at least ``n``.

    Examples
    --------
    >>> [power_of_two(n) for n in (1, 2, 3, 64, 65)]
    [1, 2, 4, 64, 128]
    """
    return 1 << max(n - 1, 0).bit_length()


@cache
def hadamard_matrix(n: int, dtype: str = "f8") -> Array:
    """Return the Hadamard matrix of order ``n`` (a power of two) in Sylvester order, read-only.

    Parameters
    ----------
    n : int
        Order, a power of two.
    dtype : str
        Its dtype as a string.

    Returns
    -------
    ndarray, shape (n, n)

    Examples
    --------
    >>> hadamard_matrix(2)
    array([[ 1.,  1.],
           [ 1., -1.]])
    """
    H = np.ones((1, 1), dtype)
    while len(H) < n:
        H = np.block([[H, H], [H, -H]])
    H.flags.writeable = False
    return H


def hadamard(X: Array) -> Array:
    """Multiply the last axis by the Hadamard matrix of its length, in place where possible.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (..., n)
        n a power of two. A C-contiguous array is overwritten.

    Returns
    -------
    ndarray, shape (..., n)
        X itself if it was C-contiguous and writable, else a new array.

    Raises
    ------
    DualactError
        If n is not a power of two, or the dtype is neither float32 nor float64.

    Notes
    -----
    n·log2(n) additions a row, no multiplication in the compiled path. Error at most log2(n) rounding units
    of the 1-norm of the row.

    Examples
    --------
    >>> import numpy as np
    >>> hadamard(np.array([1.0, 2.0, 3.0, 4.0]))
    array([10., -2., -4.,  0.])
    """
    n = X.shape[-1] if X.ndim else 0
    if n < 1 or n & (n - 1):
        raise DualactError(
            "hadamard: the last axis must have a power of two entries, because Sylvester's matrices have "
            f"those orders only; got shape {X.shape}. Pad it with zeros to {power_of_two(max(n, 1))}."
        )
    if X.dtype not in (np.float32, np.float64):
        raise DualactError(
            f"hadamard: X must be float32 or float64, the types that the transform adds in; got {X.dtype}. "
            "Convert it with X.astype(float)."
        )
    if not (X.flags.c_contiguous and X.flags.writeable):
        X = X.copy(order="C")
    if n == 1 or X.size == 0:
        return X
    if _compiled is not None:
        _compiled.transform(X, n)
    else:
        _by_matrix_products(X.reshape(-1, n), n.bit_length() - 1)
    return X


def _by_matrix_products(X: Array, log_n: int) -> None:
    """Transform the rows of the contiguous X in place: H_{ab} = H_a ⊗ H_b, one matrix product a factor.

    The factor of the smallest stride is one long product with a matrix of order 16; the others multiply slabs
    by small matrices, which per butterfly is cheapest at orders 8 and 16. Two buffers take turns.
    """
    sizes = _factors(log_n)
    step = max(_BLOCK >> log_n, 1)
    spare = np.empty(min(step, len(X)) << log_n, X.dtype)
    for first in range(0, len(X), step):
        rows = X[first : first + step]
        source, target = rows.reshape(-1), spare[: rows.size]
        after = 1 << log_n
        for size in sizes:
            radix = 1 << size
            after >>= size
            H = hadamard_matrix(radix, X.dtype.str)
            if after == 1:
                np.matmul(source.reshape(-1, radix), H, out=target.reshape(-1, radix))
            else:
                np.matmul(H, source.reshape(-1, radix, after), out=target.reshape(-1, radix, after))
            source, target = target, source
        if len(sizes) % 2:
            np.copyto(target, source)


def _factors(log_n: int) -> list[int]:
    """Logarithms of the orders whose product is 2^log_n, the one of the largest stride first.

    Examples
    --------
    >>> _factors(5), _factors(10), _factors(14)
    ([5], [3, 3, 4], [3, 3, 4, 4])
    """
    if log_n <= _RADIX + 1:
        return [log_n]
    rest = log_n - _RADIX
    parts = -(-rest // _RADIX)
    return [*sorted(rest // parts + (i < rest % parts) for i in range(parts)), _RADIX]
