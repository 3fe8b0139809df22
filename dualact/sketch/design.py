"""Design of a feature map: which degrees, with which weights, exact or sketched, how wide.

The series is regrouped in powers of x⊥·y⊥ (see :mod:`dualact.sketch.sample`): with f_t the radial
functions and k_t their degrees,

    K ≈ Σ_j r_j ⟨a_j(x), a_j(y)⟩ (x⊥·y⊥)^j,   a_j = W_jᵀ [√C(k_t, j) α^{k_t − j} f_t]_t,

where W_j keeps the directions that the sample uses. The factors r_j ≥ 0 and the widths are chosen
together: a sketch of degree j with D columns has the error variance B_j²/D, the best widths for a budget
m are D_j ∝ r_j B_j, and so

    total(r) = mean (K − Σ_j r_j H_j)² + (Σ_j r_j B_j)²/m

is a non-negative least-squares problem with one row more than the truncation alone. A component whose
monomials are fewer than the columns it is worth is made exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from ..errors import DualactError
from ..exact.recursion import propagate, trace_variances
from ..nonlinearity.contract import Array
from .radial import RadialBasis
from .sample import Sample
from .monomials import monomial_count
from .polysketch import variance

__all__ = ["Design", "Term", "design_terms", "radial_powers"]

_RANK_TOLERANCE = 3e-5
_WORTHLESS = 5e-3
_NOISE_ROWS = 200
_ACTIVE_ROUNDS = 8
_BOUND_WEIGHT = 30.0  # of a bound against the root mean square of the kernel
_BOUND_SLACK = 1e-4
_COMPLETE = 1e-4  # a truncation below this counts as the whole kernel


@dataclass(frozen=True, eq=False)
class Term:
    """One degree of the feature map.

    Attributes
    ----------
    degree : int
        j, the power of x⊥·y⊥.
    mixing : (t, c) array
        W_j√r_j: from the radial functions to the components a_j, largest first.
    exact : int
        How many leading components have exact monomials.
    width : int
        Columns of the sketch that carries the rest of the components (0 where there are none).
    """

    degree: int
    mixing: Array
    exact: int
    width: int

    def columns(self, n_features: int) -> int:
        """Number of output columns."""
        return self.exact * monomial_count(n_features, self.degree) + self.width


@dataclass(frozen=True, eq=False)
class Design:
    """Terms, and what they are predicted to miss, as root mean squares relative to that of the kernel."""

    terms: tuple[Term, ...]
    truncation: float
    sketching: float
    idle: bool = False  # columns stay empty though something is missing

    @property
    def error(self) -> float:
        """Predicted relative Frobenius error."""
        return math.hypot(self.truncation, self.sketching)


def radial_powers(basis: RadialBasis, functions: Array, along: Array, degree: int, mixing: Array) -> Array:
    """Components a_j(x) of one degree.

    Parameters
    ----------
    basis : RadialBasis
    functions : (n, t) array
        Its values.
    along : (n,) array
        α; zeros where there is no direction.
    degree : int
        j.
    mixing : (t', c) array
        t' counts the functions of degree ≥ j.

    Returns
    -------
    (n, c) array
    """
    out = np.zeros((len(functions), mixing.shape[1]))
    used = np.flatnonzero(basis.degrees >= degree)
    power = np.ones_like(along)
    previous = degree
    for row, t in enumerate(used):
        k = int(basis.degrees[t])
        for _ in range(k - previous):
            power = power * along
        previous = k
        if not mixing[row].any():
            continue
        column = functions[:, t] * power
        column *= math.sqrt(math.comb(k, degree))
        for c in range(mixing.shape[1]):
            out[:, c] += column * mixing[row, c]
    return out


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Everything about one degree on the pairs of the sample, for r_j = 1."""

    degree: int
    mixing: Array
    components: Array  # (s, c)
    kernel: Array  # (s, s): ⟨a_j, a_j⟩ (x⊥·y⊥)^j
    noise: Array  # (c + 1,): B_j when the first e components are exact


def design_terms(
    basis: RadialBasis, sample: Sample, n_components: int, degree: int | None, max_degree: int
) -> Design:
    """Return the best design for a budget.

    Parameters
    ----------
    basis : RadialBasis
        Of degree at least ``max_degree``.
    sample : Sample
    n_components : int
        Columns to spend.
    degree : int or None
        Highest power of x⊥·y⊥; None leaves it to the prediction, up to ``max_degree``.
    max_degree : int

    Returns
    -------
    Design
    """
    target = _exact(basis, sample)
    size = math.sqrt(float(np.mean(target**2))) or 1.0
    functions = basis(sample.mean_squares)
    highest = max_degree if degree is None else degree
    columns = max(1, n_components // 3)
    found = (_pairs(basis, functions, sample, j, columns, size) for j in range(highest + 1))
    pairs = [p for p in found if p is not None]
    if not pairs:
        return Design((), 0.0, 0.0)
    table = _Normal.build(target, [p.kernel for p in pairs])

    def solve(chosen: list[int]) -> Design | None:
        return _solve(pairs, table, chosen, n_components, sample.n_features, size)

    chosen = list(range(len(pairs)))
    design = solve(chosen)
    if degree is None:
        design, chosen = _fewer(solve, design, chosen)
    if design is None:
        degrees = [pairs[i].degree for i in chosen]
        raise DualactError(
            f"n_components={n_components} is too small for degree {degrees[-1]}: the {len(degrees)} degrees of this "
            f"kernel's series need at least one column each. Take n_components of at least {len(degrees)} "
            "(a few hundred to be useful), or degree='auto'."
        )
    return _with_true_widths(design, {p.degree: p for p in pairs}, sample, size)


def _with_true_widths(design: Design, pairs: dict[int, _Pairs], sample: Sample, size: float) -> Design:
    """Return the design with its sketching error predicted at the widths it ended up with."""
    total = 0.0
    few = _few(len(sample.along))
    for term in design.terms:
        if term.width:
            pair = pairs[term.degree]
            factor = float(np.linalg.norm(term.mixing) / np.linalg.norm(pair.mixing)) ** 2
            rest = pair.components[few, term.exact :]
            total += (factor * _noise(rest, sample, term.degree, term.width, few)[0]) ** 2 / term.width
    return replace(design, sketching=math.sqrt(total) / size)


def _fewer(
    solve: Callable[[list[int]], Design | None], design: Design | None, chosen: list[int]
) -> tuple[Design | None, list[int]]:
    """Leave out degrees, each time the one that is missed least, while that costs next to nothing."""
    while len(chosen) > 1:
        trials = []
        for index in chosen:
            rest = [i for i in chosen if i != index]
            trial = solve(rest)
            if trial is not None and (design is None or trial.idle <= design.idle):
                trials.append((trial.error, rest, trial))
        if not trials:
            break
        error, rest, trial = min(trials, key=lambda item: item[0])
        if design is not None and error > design.error * (1 + _WORTHLESS):
            break
        chosen, design = rest, trial
    return design, chosen


def _exact(basis: RadialBasis, sample: Sample) -> Array:
    layers = basis.network.layers
    trace = trace_variances(layers, sample.mean_squares, basis.with_theta)
    roots = np.sqrt(sample.mean_squares)
    cov = sample.cosines * roots[:, None] * roots
    rows = tuple(v[:, None] for v in trace.variances)
    columns = tuple(v[None, :] for v in trace.variances)
    return propagate(layers, cov, rows, columns, basis.with_theta)


def _pairs(
    basis: RadialBasis, functions: Array, sample: Sample, degree: int, columns: int, size: float
) -> _Pairs | None:
    count = int((basis.degrees >= degree).sum())
    if count == 0:
        return None
    raw = radial_powers(basis, functions, sample.along, degree, np.eye(count))
    across = sample.across
    power = _integer_power(across, degree)
    # Components are ordered by what they add to the kernel: weigh each row by the length of x⊥^j.
    weighted = raw * np.sqrt(power.diagonal())[:, None]
    values, vectors = np.linalg.eigh(weighted.T @ weighted / (size * len(raw)))
    values, vectors = values[::-1], vectors[:, ::-1]
    if values[0] <= 1e-3 * _RANK_TOLERANCE:
        return None
    mixing = vectors[:, : max(1, int((values > _RANK_TOLERANCE).sum()))]
    components = radial_powers(basis, functions, sample.along, degree, mixing)
    kernel = (components @ components.T) * power
    # A sketch that takes most rows of a small transform is better than its width says: the rows are drawn
    # without replacement. That is left to the final prediction; here a low share is assumed.
    columns = max(1, min(columns, monomial_count(sample.n_features, degree) // 8))
    few = _few(len(raw))
    noise = _noise(components[few], sample, degree, columns, few)
    return _Pairs(degree, mixing, components, kernel, noise)


def _few(rows: int) -> slice:
    return slice(None, None, -(-rows // _NOISE_ROWS))


def _noise(components: Array, sample: Sample, degree: int, columns: int, rows: slice) -> Array:
    """B_j when the first e = 0, 1, … components are exact, shape (c + 1,).

    The root mean square, over pairs, of the standard deviation of a sketch of that many columns, times the
    root of their number.
    """
    count = components.shape[1]
    out = np.zeros(count + 1)
    if degree == 0:
        return out
    across = sample.across[rows, rows]
    spread = _one_column(sample, degree, columns, rows)
    power = _integer_power(across, 2 * degree)
    for e in range(count):
        rest = components[:, e:]
        inner = rest @ rest.T
        total = inner**2 * spread
        if rest.shape[1] > 1:
            # Components share the columns through random signs: a second factor in the sketch.
            short = (rest**2).sum(axis=1)
            fourth = (rest**2) @ (rest**2).T
            total += (np.outer(short, short) + inner**2 - 2 * fourth) * (spread + power)
        out[e] = math.sqrt(max(0.0, float(np.mean(total))))
    return out


def _one_column(sample: Sample, degree: int, columns: int, rows: slice) -> Array:
    """Variance of a sketch of (x⊥·y⊥)^j on pairs, times its columns."""
    across = sample.across[rows, rows]
    squares = across.diagonal()
    d = sample.n_features
    structure = "auto" if columns < monomial_count(d, degree) else "product"
    spread = variance(structure, degree, columns, d, np.outer(squares, squares), across, sample.fourth[rows, rows])
    return spread * columns


def _integer_power(base: Array, exponent: int) -> Array:
    out = np.ones_like(base)
    square = base
    while exponent:
        if exponent % 2:
            out = out * square
        exponent //= 2
        square = square * square if exponent else square
    return out


@dataclass(frozen=True, eq=False)
class _Normal:
    """Normal equations of the truncation error over all pairs, and the diagonal that bounds the factors."""

    gram: Array
    rhs: Array
    square: float
    diagonals: Array  # (s, degrees): H_j(x, x)/K(x, x)

    @classmethod
    def build(cls, target: Array, kernels: Sequence[Array]) -> _Normal:
        flat = np.stack([k.ravel() for k in kernels])
        goal = target.ravel()
        return cls(
            flat @ flat.T / goal.size,
            flat @ goal / goal.size,
            float(goal @ goal) / goal.size,
            np.stack([_ratio(k.diagonal(), target.diagonal()) for k in kernels], axis=1),
        )

    def factors(self, chosen: list[int], penalty: Array) -> Array:
        """Factors r ≥ 0 of the chosen degrees, whose diagonal stays below the kernel's."""
        gram = self.gram[np.ix_(chosen, chosen)] + np.outer(penalty, penalty)
        rhs = self.rhs[chosen]
        diagonals = self.diagonals[:, chosen]
        size = math.sqrt(self.square)
        active: list[int] = []
        found = _bounded(gram, rhs, diagonals[active], size)
        for _ in range(_ACTIVE_ROUNDS):
            excess = diagonals @ found - 1
            worst = int(np.argmax(excess))
            if excess[worst] <= _BOUND_SLACK or worst in active:
                break
            active.append(worst)
            found = _bounded(gram, rhs, diagonals[active], size)
        return found / max(1.0, float((diagonals @ found).max(initial=1.0)))

    def miss(self, chosen: list[int], factors: Array) -> float:
        gram = self.gram[np.ix_(chosen, chosen)]
        return max(0.0, self.square - 2 * self.rhs[chosen] @ factors + factors @ gram @ factors)


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _bounded(gram: Array, rhs: Array, bounds: Array, size: float) -> Array:
    """Minimise rᵀGr − 2bᵀr over r ≥ 0 with bounds·r ≤ 1: non-negative least squares, a slack a bound.

    The bounds hold up to the weight of their rows; what is left is scaled away by the caller.
    """
    scale = np.sqrt(np.maximum(gram.diagonal(), 1e-300))
    eigenvalues, vectors = np.linalg.eigh(gram / scale[:, None] / scale)
    roots = np.sqrt(np.maximum(eigenvalues, 1e-13 * eigenvalues[-1]))
    weight = _BOUND_WEIGHT * size
    count = len(bounds)
    matrix = np.block(
        [
            [(vectors * roots).T, np.zeros((len(scale), count))],
            [weight * bounds / scale, weight * np.eye(count)],
        ]
    )
    goal = np.append((vectors.T @ (rhs / scale)) / roots, np.full(count, weight))
    found: Array = nnls(matrix, goal, maxiter=50 * matrix.shape[1])[0][: len(scale)] / scale
    return found


def _solve(
    pairs: list[_Pairs], table: _Normal, chosen: list[int], budget: int, n_features: int, size: float
) -> Design | None:
    """Factors and widths for the chosen degrees, improved in turn until they agree; None if they do not fit."""
    factors = table.factors(chosen, np.zeros(len(chosen)))
    least = {i: len(pairs[i].noise) - 1 if pairs[i].degree == 0 else 0 for i in chosen}
    best: Design | None = None
    for _ in range(4 + sum(len(pairs[i].noise) for i in chosen)):
        exact = _make_exact(pairs, chosen, factors, budget, n_features, least)
        cost = {i: monomial_count(n_features, pairs[i].degree) for i in chosen}
        left = budget - sum(exact[i] * cost[i] for i in chosen)
        noise = np.array([pairs[i].noise[exact[i]] for i in chosen])
        if left < np.count_nonzero(noise):
            break
        factors = table.factors(chosen, noise / math.sqrt(max(left, 1)))
        widths = _share(left, factors * noise)
        roomy = [i for i, width in zip(chosen, widths, strict=True) if width >= cost[i]]
        if roomy:  # a sketch as wide as its monomials: one component more is exact instead
            least = {**least, **{i: exact[i] + 1 for i in roomy}}
            continue
        missing = math.sqrt(table.miss(chosen, factors)) / size
        spread = sum((f * b) ** 2 / w for f, b, w in zip(factors, noise, widths, strict=True) if w > 0)
        terms = tuple(
            Term(pairs[i].degree, pairs[i].mixing * math.sqrt(f), exact[i], w)
            for i, f, w in zip(chosen, factors, widths, strict=True)
            if f > 0
        )
        idle = left > 0 and not any(widths) and missing > _COMPLETE
        design = Design(terms, missing, math.sqrt(spread) / size, idle)
        if best is not None and design.error >= best.error * (1 - 1e-3):
            break
        best = design
    return best


def _make_exact(
    pairs: list[_Pairs],
    chosen: list[int],
    factors: Array,
    budget: int,
    n_features: int,
    least: dict[int, int],
) -> dict[int, int]:
    """How many components of each degree to make exact, ``least`` at least.

    Greedily, whatever lowers the predicted error most.
    """
    exact = dict(least)
    cost = {i: monomial_count(n_features, pairs[i].degree) for i in chosen}
    noise = {i: f * pairs[i].noise for i, f in zip(chosen, factors, strict=True)}
    left = budget - sum(exact[i] * cost[i] for i in chosen)
    total = float(sum(noise[i][exact[i]] for i in chosen))
    options = [(i, e) for i in chosen for e in range(exact[i] + 1, len(pairs[i].noise))]
    if not options:
        return exact
    owner = np.array([i for i, _ in options])
    count = np.array([e for _, e in options])
    price = np.array([float(e * cost[i]) for i, e in options])
    value = np.array([noise[i][e] for i, e in options])
    floor = 1e-12 * total
    while True:
        paid = np.array([float(exact[i] * cost[i]) for i in owner])
        have = np.array([noise[i][exact[i]] for i in owner])
        after = np.maximum(total - have + value, 0.0)
        room = left - (price - paid)
        after[after < floor] = 0.0
        possible = (count > [exact[i] for i in owner]) & ((room >= 1) | ((after == 0) & (room >= 0)))
        error = np.where(possible, after**2 / np.maximum(room, 1), np.inf)
        best = int(np.argmin(error))
        if not error[best] < total**2 / max(left, 1):
            return exact
        left, total = int(room[best]), float(after[best])
        exact[int(owner[best])] = int(count[best])


def _share(budget: int, noise: Array) -> list[int]:
    """Integer widths in proportion to the noise, at least one where there is any, together the budget."""
    widths = np.zeros(len(noise), dtype=int)
    active = np.flatnonzero(noise > 0)
    if active.size and budget >= active.size:
        ideal = noise[active] / noise[active].sum() * (budget - active.size)
        widths[active] = 1 + np.floor(ideal).astype(int)
        short = budget - int(widths.sum())
        widths[active[np.argsort(np.floor(ideal) - ideal, kind="stable")[:short]]] += 1
    return [int(w) for w in widths]
