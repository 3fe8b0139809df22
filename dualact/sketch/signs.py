"""Random signs, phases and permutations from raw PCG64 words.

NumPy promises that the *bit stream* of a bit generator never changes, but not the numbers that ``Generator``
methods make of it. A sketch must be the same map on every worker and in every release, so everything here
is made of raw 64-bit words.
"""

from __future__ import annotations

import numpy as np
from numpy.random import PCG64, SeedSequence
from numpy.typing import NDArray

__all__ = ["Words", "number_of", "permutation", "permutation_blocks", "phases", "signs", "words"]

Words = NDArray[np.uint64]


def words(key: tuple[int, ...], count: int) -> Words:
    """Return ``count`` raw 64-bit words of the stream named by ``key``.

    Parameters
    ----------
    key : tuple of non-negative int
        The seed first, then the address of the consumer (degree, node, factor, ...). Different keys give
        independent streams.
    count : int
        How many words.

    Returns
    -------
    ndarray of uint64, shape (count,)

    Examples
    --------
    >>> [int(w) for w in words((0, 1), 2)] == [int(w) for w in words((0, 1), 3)[:2]]
    True
    """
    raw = PCG64(SeedSequence(key[0], spawn_key=key[1:])).random_raw(max(count, 1))
    return np.asarray(raw, dtype=np.uint64)[:count]


def number_of(key: tuple[int, ...]) -> int:
    """Return one seed for a key: its words of 32 bits, one after the other (any natural number is a seed)."""
    seed = 0
    for word in key:
        seed = seed << 32 | (word & 0xFFFFFFFF)
    return seed


def _fields(raw: Words, bits: int, count: int) -> NDArray[np.uint8]:
    """Cut words into ``count`` fields of ``bits`` bits, least significant first."""
    shifts = np.arange(0, 64, bits, dtype=np.uint64)
    fields = (raw[:, None] >> shifts) & np.uint64((1 << bits) - 1)
    return fields.reshape(-1)[:count].astype(np.uint8)


def signs(key: tuple[int, ...], count: int) -> NDArray[np.int8]:
    """Return ``count`` independent uniform signs, +1 or -1.

    Parameters
    ----------
    key : tuple of non-negative int
        Name of the stream, as in :func:`words`.
    count : int
        How many signs.

    Returns
    -------
    ndarray of int8, shape (count,)
    """
    bits = _fields(words(key, -(-count // 64)), 1, count)
    return (1 - 2 * bits.astype(np.int8)).astype(np.int8)


def phases(key: tuple[int, ...], count: int) -> NDArray[np.uint8]:
    """Return ``count`` independent uniform quarter turns j in {0, 1, 2, 3}, standing for i**j.

    Parameters
    ----------
    key : tuple of non-negative int
        Name of the stream, as in :func:`words`.
    count : int
        How many phases.

    Returns
    -------
    ndarray of uint8, shape (count,)
    """
    return _fields(words(key, -(-count // 32)), 2, count)


def permutation(key: tuple[int, ...], count: int) -> NDArray[np.int64]:
    """Return a uniform permutation of 0..count-1: the order of ``count`` raw words.

    Parameters
    ----------
    key : tuple of non-negative int
        Name of the stream, as in :func:`words`.
    count : int
        Length of the permutation.

    Returns
    -------
    ndarray of int64, shape (count,)

    Notes
    -----
    Two equal 64-bit words (probability below count²/2⁶⁵) are ordered by position, so the result is always a
    permutation and depends on nothing but the words.
    """
    return np.argsort(words(key, count), kind="stable").astype(np.int64)


def permutation_blocks(key: tuple[int, ...], copies: int, count: int) -> NDArray[np.int64]:
    """Return ``copies`` independent uniform permutations of 0..count-1, one a row.

    Parameters
    ----------
    key : tuple of non-negative int
        Name of the stream, as in :func:`words`.
    copies : int
        How many permutations.
    count : int
        Length of each.

    Returns
    -------
    ndarray of int64, shape (copies, count)
    """
    raw = words(key, copies * count).reshape(copies, count)
    return np.argsort(raw, axis=1, kind="stable").astype(np.int64)
