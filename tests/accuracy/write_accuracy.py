"""Write docs/accuracy.md from measurements against the stored references.

python tests/accuracy/write_accuracy.py    # some minutes; no high precision is computed
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
from accuracy_cases import CASES, Case, Grid
from accuracy_measure import COPIES, Measured, measure

import dualact as da
from dualact.nonlinearity.piecewise import PiecewiseDual

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import textbook

__all__ = ["PAGE", "method", "row", "shown"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
FLOOR = 1e-15

HEAD = """# Accuracy

    python tests/accuracy/write_accuracy.py      # writes this page

Every registered activation, at its default parameters and some others, against references of 17 digits that
are stored in `tests/accuracy/references` (`tests/accuracy/accuracy_reference.py` makes them). Each
entry's `accuracy` is a claim about the worst number of its row, and `tests/accuracy/test_accuracy.py` holds
it in both directions: measured worse than claimed fails, and so does measured more than a hundred times
better.

**What is measured.** {spread} triples (var_u, var_v, ρ): variances uniform in the logarithm over the range
given, a quarter of the pairs equal and another quarter close; ρ = ±1, ±(1 − 1e-12) and 0 a tenth each, the
others uniform, or at a distance from ±1 that is uniform in the logarithm down to 1e-12. Errors of `dual` are
relative to √(Eφ(u)²·Eφ(v)²), those of `dual_prime` to the same of φ′. *In matrices* is the worst of both on
{near} triples within half a decade of variance 1 and {same} at variance 1, repeated so often that they take
the routes of a large matrix. *Coefficients* are those of degree 0 to 12 at 14 variances over the range,
relative to √(Eφ²). Numbers are rounded up to 1, 2 or 5; below 1e-15 they are rounding.

**The reference** is evaluated at exactly the float64 numbers that are handed in. Where φ has a kink or a
jump, pairs with pq − c² ≤ 16ε·pq count as collinear (ρ = ±1), as everywhere in the library. Formulas that
papers print are evaluated with 60 digits; sinc by its Fourier integral, with 30; all else by a product rule
of Gauss–Legendre panels in long double, two orders of which have to agree to 3e-17. Tests hold the
references against mpmath's quadrature.

**Result.** {count} rows, {nans} NaN. Worst error {worst} ({worst_label}); {warned}. Of the computed values
{beyond} is further off than the error estimate that comes with it.

| activation | method | source | variances | dual | dual_prime | in matrices | coefficients | claim |
|---|---|---|---|---|---|---|---|---|
"""

FOOT = """
*closed form*: the formula of the source. *piecewise*: piecewise polynomials in closed form (Φ, the normal
density, Owen's T), or one integral of closed forms where that would cancel. *computed*: from φ, by the
engines of `dualact.nonlinearity.computed.engines`, with an error estimate (`return_error=True`).

## What limits it

- **A kink in φ, so a jump in φ′; a jump in φ** (relu and its kin, sign, step): E φ′φ′ is linear in
  θ = arccos ρ, whose slope in ρ is infinite at ±1. For the numbers given the error is {nearest} from
  1 − |ρ| = 1e-12 to 3e-15 (relu; below 1.8e-15 a pair counts as collinear). But *one rounding more* in cov
  moves E φ′φ′ by ε/θ: 5e-11 at 1 − |ρ| = 1e-12, 2e-9 at 1e-15. Take norms and Gram matrix from the same
  routine, as `da.kernel` does; on a diagonal, where cov = var_u = var_v, nothing is lost.
- **Smooth φ at large variance, near |ρ| = 1**: what counts there is pq − c², which is known to ε·pq when c is
  rounded to float64. Relative to the scale that is ε·variance: about 1e-12 at variance 1e4.
- **Ranges**: variances of 1e-8 to 1e4 where nothing else is said.
{ranges}
- **A dead zone** (softshrink, hardshrink): at variances below about λ²/1300, Eφ² is below 1e-290 and the
  dual is 0 in float64; above, the errors are relative to that small scale.
"""


def shown(error: float | None) -> str:
    """Round up to 1, 2 or 5 times a power of ten."""
    if error is None:
        return "–"
    if error <= FLOOR:
        return "< 1e-15"
    power = math.floor(math.log10(error) + 1e-9)
    lead = next(d for d in (1, 2, 5, 10) if error <= d * 10.0**power * (1 + 1e-9))
    return f"{lead * 10.0**power:.0e}".replace("e-0", "e-")


def method(act: da.Activation) -> str:
    """Say how the dual is had."""
    if act.dual is None:
        return "computed"
    return "piecewise" if isinstance(act.dual, PiecewiseDual) else "closed form"


def row(case: Case, found: Measured) -> str:
    """Return the line of the table."""
    act = case.activation
    cells = [shown(x) for x in (found.dual, found.dual_prime, found.in_matrices, found.coefficients)]
    claim = "none" if act.accuracy is None else f"{act.accuracy:.1e}"
    return f"| {' | '.join([case.label, method(act), act.source, case.range, *cells, claim])} |"


def nearest() -> float:
    """Return relu's worst error of dual_prime nearer to ρ = 1 than the grid."""
    relu, (_, formula) = da.activation("relu"), textbook.ab_relu(0, 1)
    p, q = 10.0 ** np.random.default_rng(0).uniform(-8, 4, (2, 400))
    cov = (1 - np.resize([1e-12, 1e-13, 1e-14, 3e-15], 400)) * np.sqrt(p * q)
    with mp.workdps(40):
        want = [float(formula(*map(mp.mpf, t))) for t in zip(cov, p, q, strict=True)]
    return float(np.max(np.abs(da.dual_prime(relu, cov, p, q) - want))) / 0.5


def main() -> None:
    rows, nans, beyond, warned, worst = [], 0, 0, [], (0.0, "")
    for case in sorted(CASES, key=lambda c: c.label):
        found = measure(case)
        rows.append(row(case, found))
        nans += found.nans
        beyond += found.beyond
        warned += [case.label] if found.warnings else []
        worst = max(worst, (found.worst, case.label))
        print(rows[-1], flush=True)
    ranges = [f"  - {case.label}: {case.range} ({case.why})" for case in CASES if case.why]
    head = HEAD.format(
        spread=Grid.spread,
        near=Grid.near,
        same=20,
        count=len(rows),
        nans=nans or "no",
        beyond=beyond or "none",
        worst=shown(worst[0]),
        worst_label=worst[1],
        warned=f"accuracy warnings from {', '.join(warned)}" if warned else "no accuracy warning was given",
    )
    foot = FOOT.format(nearest=shown(nearest()), ranges="\n".join(ranges))
    PAGE.write_text(head + "\n".join(rows) + "\n" + foot, encoding="utf-8")
    print(f"wrote {PAGE.name}; matrices hold {COPIES} copies")


if __name__ == "__main__":
    main()
