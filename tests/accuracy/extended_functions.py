"""φ and φ′ of the activations without a textbook dual, in long double; nothing of dualact is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["EXTENDED", "Extended", "Function", "Points", "extended"]

Long = np.longdouble
PI = Long("3.14159265358979323846264338327950288")
#: Where the smooth ones change: panels that grow by 3, from their own scale on.
GRADED = (0.0, 1.0, 3.0, 9.0, 27.0, 81.0, 243.0, 729.0)
#: For an exponent that grows as t³: poles come close to the real line where φ still moves.
LINEAR = (*(0.5 * k for k in range(15)), 9.0, 27.0, 81.0, 243.0, 729.0)


class Points:
    """Arguments t, and what many of the functions need of them, computed once."""

    def __init__(self, t):
        self.t = np.asarray(t, dtype=Long)

    @cached_property
    def right(self):
        return self.t > 0

    @cached_property
    def decay(self):
        return np.exp(-np.abs(self.t))

    @cached_property
    def log(self):
        """ln(1 + e^{−|t|})."""
        return np.log1p(self.decay)

    @cached_property
    def logistic(self):
        return np.where(self.right, 1, self.decay) / (1 + self.decay)

    @cached_property
    def bell(self):
        """The derivative of the logistic function."""
        return self.decay / (1 + self.decay) ** 2

    @cached_property
    def less_one(self):
        """e^{min(t, 0)} − 1."""
        return np.expm1(np.minimum(self.t, 0))

    @cached_property
    def tanh(self):
        return np.tanh(self.t)


Function = Callable[[Points], np.ndarray]


@dataclass(frozen=True)
class Extended:
    """φ, φ′ (None where φ jumps), where they are not smooth, where else panels end, the dead zone's edge."""

    phi: Function
    prime: Function | None
    kinks: tuple[float, ...] = ()
    scales: tuple[float, ...] = GRADED
    dead: float = 0.0


def _gated(rate):
    rate = Long(rate)

    def gate(x):
        decay = np.exp(-np.abs(rate * x.t))
        on = np.where(x.right, 1, decay) / (1 + decay)
        return on, decay / (1 + decay) ** 2

    def prime(x):
        on, bell = gate(x)
        return on + rate * x.t * bell

    return Extended(lambda x: x.t * gate(x)[0], prime)


def _gelu_tanh():
    root, cubic = np.sqrt(2 / PI), Long(0.044715)

    def inner(x):
        near = np.clip(x.t, -40, 40)
        return 2 * root * (near + cubic * near**3), 2 * root * (1 + 3 * cubic * near * near)

    def gate(x):
        exponent, slope = inner(x)
        decay = np.exp(-np.abs(exponent))
        return np.where(x.right, 1, decay) / (1 + decay), slope * decay / (1 + decay) ** 2

    def prime(x):
        on, bell = gate(x)
        return on + x.t * bell

    return Extended(lambda x: x.t * gate(x)[0], prime, scales=LINEAR)


def _mish():
    # tanh ln(1 + w) = (w² + 2w)/(w² + 2w + 2), w = e^t; its derivative times w is 4w(1 + w)/(w² + 2w + 2)²·w
    def parts(x):
        d = x.decay
        top = np.where(x.right, 1 + 2 * d, d * (d + 2))
        bottom = top + np.where(x.right, 2 * d * d, 2)
        return top, bottom, 4 * d * (1 + d) * np.where(x.right, d, 1)

    def phi(x):
        top, bottom, _ = parts(x)
        return x.t * top / bottom

    def prime(x):
        top, bottom, slope = parts(x)
        return top / bottom + x.t * slope / (bottom * bottom)

    return Extended(phi, prime)


def _tanhshrink():
    def phi(x):
        t = x.t
        square = t * t
        # t − tanh t = t³/3 − …: the continued fraction t/(1 + s/(3 + s/(5 + …))) of tanh leaves just that
        tail = np.full_like(square, 41)
        for odd in range(39, 1, -2):
            tail = odd + square / tail
        return np.where(np.abs(t) < 1, t * square / (tail + square), t - x.tanh)

    return Extended(phi, lambda x: x.tanh**2)


def _squareplus(b):
    b = Long(b)

    def phi(x):
        root = np.sqrt(x.t * x.t + b)
        return np.where(x.right, x.t + root, b / (root + np.abs(x.t))) / 2

    return Extended(phi, lambda x: phi(x) / np.sqrt(x.t * x.t + b))


def _softplus(beta):
    beta = Long(beta)

    def phi(x):
        return (np.log1p(np.exp(-np.abs(beta * x.t))) + np.maximum(beta * x.t, 0)) / beta

    def prime(x):
        decay = np.exp(-np.abs(beta * x.t))
        return np.where(x.right, 1, decay) / (1 + decay)

    return Extended(phi, prime)


def _exponential_linear(alpha, scale=1.0, rate=1.0):
    alpha, scale, rate = Long(alpha), Long(scale), Long(rate)

    def phi(x):
        left = x.less_one if rate == 1 else np.expm1(rate * np.minimum(x.t, 0))
        return scale * np.where(x.right, x.t, alpha * left)

    def prime(x):
        return scale * np.where(x.right, 1, alpha * rate * np.exp(rate * np.minimum(x.t, 0)))

    return Extended(phi, prime, kinks=(0.0,))


def _clipped(low, high, slope, offset):
    low, high, slope, offset = (Long(x) for x in (low, high, slope, offset))
    kinks = (float((low - offset) / slope), float((high - offset) / slope))
    return Extended(
        lambda x: np.clip(slope * x.t + offset, low, high),
        lambda x: np.where((x.t > kinks[0]) & (x.t < kinks[1]), slope, 0),
        kinks=kinks,
        scales=(),
    )


def _hard_swish():
    def phi(x):
        return x.t * np.clip(x.t + 3, 0, 6) / 6

    def prime(x):
        return np.where(x.t <= -3, 0, np.where(x.t >= 3, 1, (2 * x.t + 3) / 6))

    return Extended(phi, prime, kinks=(-3.0, 3.0), scales=())


def _sparse_plus():
    def phi(x):
        return np.where(x.t <= -1, 0, np.where(x.t >= 1, x.t, (x.t + 1) ** 2 / 4))

    return Extended(phi, lambda x: np.clip((x.t + 1) / 2, 0, 1), kinks=(-1.0, 1.0), scales=())


def _softshrink(lambd):
    edge = Long(lambd)
    return Extended(
        lambda x: np.sign(x.t) * np.maximum(np.abs(x.t) - edge, 0),
        lambda x: np.where(np.abs(x.t) > edge, Long(1), Long(0)),
        kinks=(-lambd, lambd),
        scales=(),
        dead=lambd,
    )


def _hardshrink(lambd):
    def phi(x):
        return np.where(np.abs(x.t) > lambd, x.t, 0)

    return Extended(phi, None, kinks=(-lambd, lambd), scales=(), dead=lambd)


def _threshold(threshold, value):
    def phi(x):
        return np.where(x.t > threshold, x.t, Long(value))

    prime = None if threshold != value else lambda x: np.where(x.t > threshold, Long(1), Long(0))
    return Extended(phi, prime, kinks=(threshold,), scales=())


def _plain(phi, prime, **fields):
    return lambda: Extended(phi, prime, **fields)


EXTENDED: dict[str, Callable[..., Extended]] = {
    "arctan": _plain(lambda x: np.arctan(x.t), lambda x: 1 / (1 + x.t * x.t)),
    "celu": lambda alpha: _exponential_linear(alpha, rate=1 / Long(alpha)),
    "elu": _exponential_linear,
    "gelu_tanh": _gelu_tanh,
    "hard_sigmoid": lambda: _clipped(0, 1, Long(1) / 6, 0.5),
    "hard_swish": _hard_swish,
    "hard_tanh": lambda: _clipped(-1, 1, 1, 0),
    "hardshrink": _hardshrink,
    "log_sigmoid": _plain(lambda x: np.minimum(x.t, 0) - x.log, lambda x: 1 - x.logistic),
    "mish": _mish,
    "quick_gelu": lambda: _gated(1.702),
    "relu6": lambda: _clipped(0, 6, 1, 0),
    "selu": lambda: _exponential_linear("1.673263242354377284817", "1.050700987355480493419"),
    "sigmoid": _plain(lambda x: x.logistic, lambda x: x.bell),
    "silu": _plain(lambda x: x.t * x.logistic, lambda x: x.logistic + x.t * x.bell),
    "softplus": _softplus,
    "softshrink": _softshrink,
    "softsign": _plain(lambda x: x.t / (1 + np.abs(x.t)), lambda x: 1 / (1 + np.abs(x.t)) ** 2, kinks=(0.0,)),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda: _clipped(0, 1, 0.5, 0.5),
    "squareplus": _squareplus,
    "tanh": _plain(lambda x: x.tanh, lambda x: 4 * x.decay**2 / (1 + x.decay**2) ** 2),
    "tanhshrink": _tanhshrink,
    "threshold": _threshold,
}


def extended(name: str, params: dict[str, float]) -> Extended:
    """Return the functions of one activation."""
    return EXTENDED[name](**params)
