"""Computed duals beside neural-tangents' ElementwiseNumerical: error, and time per million kernel entries.

    python examples/benchmarks/elementwise_numerical.py [--quick] [NAME ...]

One n × n matrix of rows of norm 1 (variance 1), diagonal included. Theirs: Gauss–Hermite quadrature of the
degree that its documentation recommends, 25, and of 75, in float64, compiled, on the CPU; the error is the
largest distance from our value over √(Eφ(u)²·Eφ(v)²), the diagonal apart. Ours: the error estimate that
comes with every value (docs/accuracy.md has measured ones, against high precision). Times are the best of
three, after the tables are built and the code compiled.

Needs neural-tangents 0.6.5 and a JAX that it imports on (0.4.36; NumPy below 2). Its ``experimental`` folder,
which needs TensorFlow, is left out.
"""

from __future__ import annotations

import argparse
import sys
import time
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import dualact as da

DEGREES = (25, 75)
NAMES = ("relu", "hard_tanh", "elu", "softsign", "gelu", "tanh", "sigmoid", "silu", "softplus", "mish", "erf")
ABSENT = "neural-tangents cannot be imported here ({}): no comparison."


def peer() -> tuple[Any, Any]:
    """Return jax and neural_tangents.stax, or raise ImportError."""
    # An ImportError of any kind, or what an old library makes of a new one, means: not here.
    sys.modules.setdefault("neural_tangents.experimental", types.ModuleType("neural_tangents.experimental"))
    try:
        import jax
        from neural_tangents import stax
    except Exception as error:
        raise ImportError(f"{type(error).__name__}: {error}") from error
    jax.config.update("jax_enable_x64", True)
    return jax, stax


def functions(jax: Any) -> dict[str, Callable[[Any], Any]]:
    return {
        "relu": jax.nn.relu,
        "hard_tanh": jax.nn.hard_tanh,
        "elu": jax.nn.elu,
        "softsign": jax.nn.soft_sign,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "tanh": jax.numpy.tanh,
        "sigmoid": jax.nn.sigmoid,
        "silu": jax.nn.silu,
        "softplus": jax.nn.softplus,
        "mish": lambda x: x * jax.numpy.tanh(jax.nn.softplus(x)),
        "erf": jax.scipy.special.erf,
    }


def best_of_three(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def theirs(
    jax: Any, stax: Any, fn: Any, degree: int, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return E φφ, E φ′φ′ and the seconds for both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = stax.ElementwiseNumerical(fn, degree)[2]
        start = stax.Dense(1)[2](rows, None)
    ones = jax.numpy.ones_like(start.nngp)

    @jax.jit
    def both(cov: Any) -> tuple[Any, Any]:
        after = layer(start.replace(nngp=cov, ntk=ones))
        return after.nngp, after.ntk

    seconds = best_of_three(lambda: jax.block_until_ready(both(start.nngp)))
    values = both(start.nngp)
    return np.asarray(values[0]), np.asarray(values[1]), seconds


def report(n: int, names: tuple[str, ...] = NAMES) -> None:
    try:
        jax, stax = peer()
    except ImportError as error:
        print(ABSENT.format(str(error).splitlines()[0]))
        return
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n, 30))
    rows *= np.sqrt(30 / (rows * rows).sum(axis=1))[:, None]
    cov = np.clip(rows @ rows.T / 30, -1.0, 1.0)
    np.fill_diagonal(cov, 1.0)
    off = ~np.eye(n, dtype=bool)
    million = 1e6 / n**2
    print(f"E phi phi and E phi' phi' of {n} x {n} entries at variance 1; seconds per million, both together")
    print(f"{'':10}{'ours':>27}" + "".join(f"{f'degree {d}':>36}" for d in DEGREES))
    print(f"{'':10}{'error':>9}{'prime':>9}{'s':>9}" + f"{'error':>9}{'prime':>9}{'diagonal':>9}{'s':>9}" * 2)
    one = np.ones((n, 1))
    for name in names:
        act = da.activation(name)
        sides = cov, one, one.T
        seconds = best_of_three(lambda: (da.dual(act, *sides), da.dual_prime(act, *sides)))  # noqa: B023
        ours = [f(act, *sides, return_error=True) for f in (da.dual, da.dual_prime)]
        scales = [float(value[0, 0]) for value, _ in ours]
        cells = [float(error.max()) / s for (_, error), s in zip(ours, scales, strict=True)]
        line = f"{name:10}" + "".join(f"{c:9.0e}" for c in cells) + f"{seconds * million:9.3f}"
        for degree in DEGREES:
            *values, seconds = theirs(jax, stax, functions(jax)[name], degree, rows)
            gaps = [np.abs(v - mine) / s for v, (mine, _), s in zip(values, ours, scales, strict=True)]
            diagonal = max(float(np.max(np.diag(gap))) for gap in gaps)
            cells = [float(gap[off].max()) for gap in gaps] + [diagonal]
            line += "".join(f"{c:9.0e}" for c in cells) + f"{seconds * million:9.3f}"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a matrix of 60 rows instead of 120")
    options = parser.parse_args()
    report(60 if options.quick else 120, tuple(options.names) or NAMES)


if __name__ == "__main__":
    main()
