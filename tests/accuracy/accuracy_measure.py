"""Errors of dual, dual_prime and the coefficients against the stored references.

python tests/accuracy/accuracy_measure.py            # a line for each activation
python tests/accuracy/accuracy_measure.py tanh elu
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass

import numpy as np
from accuracy_cases import CASES, DEGREE, Case, Grid, grid, reference

import dualact as da
from dualact.errors import AccuracyWarning

__all__ = ["Measured", "measure"]

#: Scales below this are not told from 0 in float64; the value there must be 0 as well.
INVISIBLE = 1e-290
#: How often the triples near variance 1 are repeated, so that they count as a matrix.
COPIES = 100


@dataclass(frozen=True)
class Measured:
    """Worst errors relative to √(Eφ(u)²·Eφ(v)²) (of φ′ for ``dual_prime``) and to √(Eφ²).

    ``in_matrices`` is the worst of both duals by the routes for many entries, ``nans`` the number of values
    that are no number, ``warnings`` that of accuracy warnings, ``beyond`` that of computed values that are
    further off than the error that comes with them.
    """

    dual: float
    dual_prime: float | None
    in_matrices: float
    coefficients: float
    nans: int
    warnings: int
    beyond: int

    @property
    def worst(self) -> float:
        return max(self.dual, self.dual_prime or 0.0, self.in_matrices, self.coefficients)


def measure(case: Case, every: int = 1, matrices: bool = True) -> Measured:
    """Return the errors of one case, on every ``every``-th of the spread triples."""
    act, at, right = case.activation, grid(case.low, case.high), reference(case)
    some = np.arange(0, Grid.spread, every)
    near = np.arange(Grid.spread, Grid.spread + Grid.near)
    same = np.arange(Grid.spread + Grid.near, len(at.cov))
    nans, beyond, in_matrices, worst = 0, 0, 0.0, {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AccuracyWarning)
        for label, function in (("dual", da.dual), ("dual_prime", da.dual_prime)):
            want, scale = getattr(right, label), getattr(right, label.replace("dual", "scale"))
            worst[label] = None if want is None else 0.0
            batches = [some, np.tile(near, COPIES), np.tile(same, COPIES)] if matrices else [some]
            for rows in batches if want is not None else ():
                got = function(act, at.cov[rows], at.var_u[rows], at.var_v[rows])
                error, bad = _worst(got, want[rows], scale[rows])
                nans += bad
                if rows is some:
                    worst[label] = error
                else:
                    in_matrices = max(in_matrices, error)
                if getattr(act, label) is None:
                    beyond += _beyond(function, act, at, rows, want)
        got = da.hermite(act, at.variance, DEGREE)
        error, bad = _worst(got, right.coefficients, right.norm[:, None])
    return Measured(worst["dual"], worst["dual_prime"], in_matrices, error, nans + bad, len(caught), beyond)


def _beyond(function, act: da.Activation, at: Grid, rows, want) -> int:
    """Return how many values are off by more than the error that is returned with them.

    The rounding of √(pq) apart, which makes pairs that count as collinear out of those that are not.
    """
    value, error = function(act, at.cov[rows], at.var_u[rows], at.var_v[rows], return_error=True)
    rounded = (np.abs(at.rho[rows]) == 1) & (at.var_u[rows] != at.var_v[rows])
    return int(np.sum((np.abs(value - want[rows]) > error) & ~rounded))


def _worst(got, want, scale) -> tuple[float, int]:
    """Return the largest error over scale, and how many are no number."""
    got = np.asarray(got)
    assert got.shape == want.shape
    finite = np.isfinite(got)
    error = np.abs(np.where(finite, got, 0.0) - want)
    visible = np.broadcast_to(scale, want.shape) > INVISIBLE
    assert not error[~visible & finite].max(initial=0.0) > INVISIBLE
    ratio = error[visible & finite] / np.broadcast_to(scale, want.shape)[visible & finite]
    return float(ratio.max(initial=0.0)), int((~finite).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="activations (default: all)")
    names = parser.parse_args().names
    heads = "".join(f"{head:>9}" for head in ("dual", "prime", "many", "hermite", "claim", "ratio"))
    print(f"{'':46}{heads}  nan warn beyond seconds")
    for case in CASES:
        if names and case.name not in names:
            continue
        start = time.perf_counter()
        found = measure(case)
        claim = case.activation.accuracy
        cells = (found.dual, found.dual_prime, found.in_matrices, found.coefficients, claim)
        text = "".join(f"{'–':>9}" if c is None else f"{c:9.1e}" for c in cells)
        ratio = f"{claim / found.worst:9.1f}" if claim and found.worst else f"{'–':>9}"
        seconds = time.perf_counter() - start
        print(
            f"{case.label:46}{text}{ratio}{found.nans:5}{found.warnings:5}{found.beyond:7}{seconds:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
