"""What is measured: activations and parameters, ranges of variance, and the triples; stored references."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import dualact as da

__all__ = [
    "CASES",
    "DEGREE",
    "FOLDER",
    "SPECIAL",
    "Case",
    "Grid",
    "Reference",
    "draw",
    "grid",
    "reference",
]

FOLDER = Path(__file__).with_name("references")
SEED = 20260
DEGREE = 12
SPECIAL = (1.0, -1.0, 1 - 1e-12, -(1 - 1e-12), 0.0)
WIDE = (1e-8, 1e4)


@dataclass(frozen=True)
class Case:
    """One activation at one set of parameters; ``low`` and ``high`` bound its variances."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)
    low: float = WIDE[0]
    high: float = WIDE[1]
    why: str = ""  # what bounds the range, if it is not the usual one

    @property
    def label(self) -> str:
        inner = ", ".join(f"{k}={list(v) if isinstance(v, tuple) else v}" for k, v in self.params.items())
        return f"{self.name}({inner})" if inner else self.name

    @property
    def activation(self) -> da.Activation:
        """A fresh object: no tables of earlier calls."""
        act = da.activation(self.name, **self.params)
        act._cache.clear()
        return act

    @property
    def range(self) -> str:
        return f"{_short(self.low)} to {_short(self.high)}"


def _short(number: float) -> str:
    """1e-8, 2.2, 300, 1e4."""
    plain = f"{number:g}"
    return plain if len(plain) < 4 else f"{number:.0e}".replace("e-0", "e-").replace("e+0", "e")


_OVERFLOW = "E phi^2 leaves float64 at 354/rate^2"
_DIVERGES = "E phi^2 is infinite from 1/(4 rate) on"
_CANCELS = "its terms cancel beyond"

CASES = [
    *(Case(name) for name in ("abs", "arctan", "cos", "erf", "gabor", "gaussian", "gelu", "gelu_tanh")),
    *(Case(name) for name in ("hard_sigmoid", "hard_swish", "hard_tanh", "identity", "log_sigmoid", "mish")),
    *(Case(name) for name in ("quick_gelu", "relu", "relu6", "rrelu", "selu", "sigmoid", "sign", "silu")),
    *(Case(name) for name in ("sinc", "softsign", "sparse_plus", "sparse_sigmoid", "squared_relu", "step")),
    *(Case(name) for name in ("tanh", "tanhshrink", "ab_relu", "celu", "elu", "hardshrink", "hermite")),
    *(Case(name) for name in ("leaky_relu", "monomial", "normalized_gaussian", "polynomial", "prelu")),
    *(Case(name) for name in ("rbf", "rectified_power", "sigmoid_erf", "sin", "snake", "softplus")),
    *(Case(name) for name in ("softshrink", "squareplus")),
    Case("exp", high=300.0, why=_OVERFLOW),
    Case("threshold", {"threshold": 1.0, "value": 2.0}),
    Case("ab_relu", {"negative_slope": -0.3, "positive_slope": 2.0}),
    Case("celu", {"alpha": 0.5}),
    Case("elu", {"alpha": 2.0}),
    Case("exp", {"amplitude": 2.0, "rate": -0.5}, high=1000.0, why=_OVERFLOW),
    Case("gaussian", {"amplitude": 1.0, "rate": 0.1}, high=2.2, why=_DIVERGES),
    Case("hardshrink", {"lambd": 1.5}),
    Case("hermite", {"degree": 5}),
    Case("leaky_relu", {"slope": 0.2}),
    Case("monomial", {"power": 5}),
    Case("normalized_gaussian", {"gamma": 2.5}),
    Case("polynomial", {"coef": (0.5, -1.0, 0.25, 2.0)}),
    Case("rectified_power", {"power": 3}),
    Case("sigmoid_erf", {"scale": 2**0.5}),
    Case("sin", {"amplitude": 2.0, "frequency": 0.5, "phase": 0.7}),
    Case("snake", {"a": 0.3}),
    Case("softplus", {"beta": 2.0}),
    Case("softshrink", {"lambd": 1.0}),
    Case("squareplus", {"b": 1.0}),
    Case("threshold", {"threshold": -0.5, "value": -0.5}),
]


@dataclass(frozen=True)
class Grid:
    """Triples (exact float64 numbers), and the variances of the coefficients.

    The first ``spread`` of the triples are spread over the whole range; the others lie within half a decade
    of variance 1 (the last of them at 1, 1), for the routes that matrices take.
    """

    cov: np.ndarray
    var_u: np.ndarray
    var_v: np.ndarray
    rho: np.ndarray
    variance: np.ndarray

    spread = 200
    near = 60

    @property
    def triples(self) -> list[tuple[float, float, float]]:
        return list(zip(self.cov.tolist(), self.var_u.tolist(), self.var_v.tolist(), strict=True))


def draw(low: float, high: float) -> Grid:
    """Draw the triples of one range."""
    rng = np.random.default_rng(SEED)
    p, q, rho = _spread(rng, low, high, 200)
    near_p, near_q, near_rho = _spread(rng, 10**-0.5, min(10**0.5, high), 60)
    _, _, one_rho = _spread(rng, 1.0, 1.0, 20)
    p, q = np.concatenate([p, near_p, np.ones(20)]), np.concatenate([q, near_q, np.ones(20)])
    rho = np.concatenate([rho, near_rho, one_rho])
    bound = np.sqrt(p * q)
    variance = np.append(np.geomspace(low, high, 13), 1.0)
    return Grid(np.clip(rho * bound, -bound, bound), p, q, rho, variance)


def _spread(rng, low, high, n):
    """Half of the correlations special ones, a quarter uniform, a quarter near ±1.

    A quarter of the pairs has p = q, another quarter p near q (and both in the upper half of the range, where
    that is difficult): as identical and as similar rows have.
    """
    p, q = np.exp(rng.uniform(np.log(low), np.log(high), (2, n)))
    rho = np.resize(np.array(SPECIAL), n)
    half, quarter = n // 2, n // 4
    rho[half : half + quarter] = rng.uniform(-1, 1, quarter)
    gap = 10.0 ** rng.uniform(-12, 0, n - half - quarter)
    rho[half + quarter :] = rng.choice([-1.0, 1.0], len(gap)) * (1 - gap)
    kind = np.arange(n) // len(SPECIAL) % 4
    p = np.where(kind == 1, np.sqrt(p * high), p)
    q = np.select([kind == 0, kind == 1], [p, p * (1 - 10.0 ** rng.uniform(-6, -1, n))], q)
    return np.clip(p, low, high), np.clip(q, low, high), rho


@dataclass(frozen=True)
class Reference:
    """What the values ought to be; rows as in the grid. ``dual_prime`` is None where there is none.

    ``scale`` is √(Eφ(u)²·Eφ(v)²), ``scale_prime`` that of φ′, ``norm`` √(Eφ²) at the grid's variances.
    """

    dual: np.ndarray
    scale: np.ndarray
    dual_prime: np.ndarray | None
    scale_prime: np.ndarray | None
    coefficients: np.ndarray
    norm: np.ndarray


@lru_cache(maxsize=8)
def grid(low: float, high: float) -> Grid:
    """Return the stored triples of one range."""
    stored = json.loads((FOLDER / f"grid_{low:g}_{high:g}.json").read_text(encoding="utf-8"))
    return Grid(**{key: np.array(value) for key, value in stored.items()})


def reference(case: Case) -> Reference:
    """Return the stored reference of one case."""
    stored = json.loads((FOLDER / f"{case.name}.json").read_text(encoding="utf-8"))[case.label]
    return Reference(**{key: None if value is None else np.array(value) for key, value in stored.items()})
