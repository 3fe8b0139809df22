"""Hostile input, and what may come of it: a clear error, or a result without NaN where the input had none."""

from __future__ import annotations

import math
import signal
import warnings
from contextlib import contextmanager

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

import dualact as da

LIMIT = 20  # seconds of computing a call; none of these inputs asks for work
PATIENCE = 10  # times as long by the clock, for machines that do other things as well

NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-5, 5e-324, 1e-300, 1e-160, 1e150, 1e200, 1.7e308, -1e300]
NOT_NUMBERS = [math.nan, math.inf, -math.inf]
#: What people put where a number belongs.
ODD = [
    None,
    True,
    "",
    "1.0",
    "relu",
    b"x",
    [],
    [1.0],
    {},
    (),
    object(),
    1j,
    10**400,
    -(10**400),
    -1,
    np.float32(0.5),
    np.int8(3),
    np.array(1.0),
    np.array([]),
    lambda x: x,
    da.Dense,
]

KINDS = [*["f8"] * 3, "f4", "f2", "i4", "?", "c16", "O", "U8", "M8[s]", "list", "strides", "locked"]
KINDS += ["fortran", "csr", "coo", "masked", "matrix", "swapped"]

numbers = st.one_of(st.sampled_from(NUMBERS), st.floats(-10, 10))
scalars = st.one_of(numbers, st.sampled_from(NOT_NUMBERS), st.sampled_from(ODD), st.integers(-5, 2**70))


@st.composite
def arrays(draw, max_axes: int = 4, finite: bool | None = None):
    """Arrays of odd shapes, dtypes and memory; finite numbers of every size, or not only those."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=max_axes)))
    clean = draw(st.booleans()) if finite is None else finite
    pool = numbers if clean else st.one_of(numbers, st.sampled_from(NOT_NUMBERS))
    values = np.array(draw(st.lists(pool, min_size=math.prod(shape), max_size=math.prod(shape))))
    X = values.reshape(shape)
    how = draw(st.sampled_from(KINDS))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how in ("f4", "f2", "i4", "?", "c16", "O", "U8"):
            return X.astype(how)
        if how == "M8[s]":
            return X.astype("i8").astype(how)
        if how == "list":
            return X.tolist()
        if how == "strides":
            return np.repeat(X, 2, axis=0)[::2] if X.ndim else X
        if how == "fortran":
            return np.asfortranarray(X)
        if how in ("csr", "coo") and X.ndim == 2:
            return getattr(sparse, f"{how}_matrix")(X)
        if how == "masked":
            return np.ma.array(X, mask=X > 0)
        if how == "matrix" and X.ndim == 2:
            return np.matrix(X)
        if how == "swapped":
            return X.astype(">f8")
        if how == "locked":
            X.flags.writeable = False
    return X


def is_finite(value) -> bool:
    """Whether nothing in the value is NaN or infinite, as far as it is made of numbers at all."""
    if sparse.issparse(value):
        value = value.data
    try:
        return bool(np.isfinite(np.asarray(value, dtype=np.float64)).all())
    except (TypeError, ValueError, OverflowError):
        return False


def has_nan(result) -> bool:
    if isinstance(result, tuple):
        return any(map(has_nan, result))
    if sparse.issparse(result):
        result = result.data
    array = np.asarray(result)
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())


@contextmanager
def limit(seconds: int = LIMIT):
    """End what computes longer, or waits; only on the main thread of systems that have alarms."""

    def ring(*_):
        raise TimeoutError(f"more than {seconds} seconds")

    before = [signal.signal(s, ring) for s in (signal.SIGALRM, signal.SIGPROF)]
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(PATIENCE * seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for s, old in zip((signal.SIGALRM, signal.SIGPROF), before, strict=True):
            signal.signal(s, old)


class Refused:
    """What was refused, and how; it is false."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __bool__(self) -> bool:
        return False


def attempt(call, *inputs):
    """Call; a refusal must be a ValueError (as every DualactError is) or TypeError, with words in it.

    Warnings are let through: of accuracy, of overflow to infinity. A result of finite inputs has no NaN.
    """
    with limit(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = call()
        except (ValueError, TypeError) as refusal:
            error = refusal
        else:
            error = None
    if error is not None:
        assert 10 < len(str(error)) < 3000, repr(error)[:500]
        return Refused(error)
    if all(map(is_finite, inputs)):
        assert not has_nan(result), result
    return result
