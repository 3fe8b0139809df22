"""What leading monomials keep, part by part and as a map."""

from __future__ import annotations

import itertools
import math

import numpy as np

import dualact as da
from dualact.sketch.principal.axes import principal_axes
from dualact.sketch.principal.feature_map import PrincipalMap
from dualact.sketch.principal.fitting import plan_monomials
from dualact.sketch.principal.selection import choose_monomials
from dualact.sketch.terms import radial_powers


def made(network, X, kind, n_components, **options):
    """The plan, and its features of the same rows."""
    plan = plan_monomials(network, kind, X, n_components=n_components, **options)
    return plan, PrincipalMap(plan, np.float64).transform(X, 1)


def multinomial(factors):
    """j!/α! of a monomial given by its factors."""
    return math.factorial(len(factors)) / math.prod(math.factorial(factors.count(i)) for i in {*factors})


def is_from_below(network, X, kind, n_components, series=1e-5):
    """K − ZZᵀ is positive semi-definite, to the accuracy of the series (of the mean diagonal)."""
    _, Z = made(network, X, kind, n_components)
    K = da.kernel(network, X, kind=kind)
    left, size = K - Z @ Z.T, float(np.diag(K).mean())
    assert np.diag(left).min() >= -series * size, np.diag(left).min() / size
    lowest = np.linalg.eigvalsh((left + left.T) / 2)[0]
    assert lowest >= -series * size * max(1.0, len(X) / 100), lowest / size
    assert (Z**2).sum() > 0.2 * np.trace(K)  # else no features would pass


def all_of_them_are_the_kernel(network, X, kind, n_components, gap):
    """With columns for every monomial of every degree, ZZᵀ is the kernel, and columns are left."""
    plan, Z = made(network, X, kind, n_components)
    K = da.kernel(network, X, kind=kind)
    assert plan.used < n_components
    assert np.abs(Z @ Z.T - K).max() <= gap * np.diag(K).max(), np.abs(Z @ Z.T - K).max()
    return plan


def is_written_out(network, X, kind, n_components):
    """Column by column, z = a(x) √(j!/α!) u^α, from the numbers of the plan."""
    plan, Z = made(network, X, kind, n_components)
    norms = np.linalg.norm(X, axis=1)
    turned = X / np.where(norms > 0, norms, 1)[:, None] @ plan.axes.astype(float)
    along, across = turned[:, 0], turned[:, 1:]
    functions = plan.basis(norms**2 / X.shape[1])
    size, column = max(np.abs(Z).max(), 1e-30), 0
    for term in plan.terms:
        components = radial_powers(plan.basis, functions, along, term.degree) @ term.mixing
        owners = np.repeat(np.arange(len(term.counts)), term.counts)
        for c, factors in zip(owners, term.indices.tolist(), strict=True):
            want = components[:, c] * math.sqrt(multinomial(factors)) * np.prod(across[:, factors], axis=1)
            assert np.abs(Z[:, column] - want).max() <= 1e-10 * size, (term.degree, factors)
            column += 1
    assert not Z[:, column:].any()


def every_energy(u, components, highest):
    """(degree, component, factors) -> mean of z², of all monomials there are."""
    found = {}
    for degree in range(highest + 1):
        squares = components(degree) ** 2
        for factors in itertools.combinations_with_replacement(range(u.shape[1]), degree):
            power = multinomial(factors) * np.prod(u[:, list(factors)] ** 2, axis=1)
            for c, energy in enumerate(np.mean(squares * power[:, None], axis=0)):
                found[degree, c, factors] = energy
    return found


def the_largest_are_chosen(u, components, budget, highest):
    """What is chosen carries as much as so many monomials can, and what it is said to carry."""
    every = every_energy(u, components, highest)
    chosen = choose_monomials(u, components, budget, highest)
    found = {
        (one.degree, one.component, tuple(factors)): energy
        for one in chosen
        for factors, energy in zip(one.indices.tolist(), one.energy, strict=True)
    }
    best = sorted((energy for energy in every.values() if energy > 0), reverse=True)[:budget]
    assert len(found) == sum(len(one.energy) for one in chosen) == len(best), (len(found), len(best))
    for place, energy in found.items():
        assert abs(energy - every[place]) <= 1e-5 * every[place] + 1e-7 * best[0], place
    assert sum(every[place] for place in found) >= (1 - 1e-5) * sum(best)


def axes_are_principal(rows, weights, count):
    """Orthonormal, and no other so many directions hold more of the weighted rows; the first ones lead."""
    axes = principal_axes(rows, weights, count)
    rows = rows.toarray() if hasattr(rows, "toarray") else rows
    width = axes.shape[1]
    assert width == min(count, rows.shape[1])
    assert np.abs(axes.T @ axes - np.eye(width)).max() < 1e-9
    values = np.linalg.svd(rows * np.sqrt(weights)[:, None], compute_uv=False) ** 2
    values = np.concatenate([values, np.zeros(max(width - len(values), 0))])
    held = (weights[:, None] * (rows @ axes) ** 2).sum(axis=0)
    assert np.abs(held - values[:width]).max() <= 1e-9 * values[0], held


def more_columns_keep_more(network, X, kind, widths):
    """No further column takes anything away, and the last ones still bring something."""
    K = da.kernel(network, X, kind=kind)
    kept, gaps = [], []
    for m in widths:
        _, Z = made(network, X, kind, m)
        kept.append((Z**2).sum() / np.trace(K))
        gaps.append(np.linalg.norm(K - Z @ Z.T) / np.linalg.norm(K))
    assert (np.diff(kept) > 0).all(), kept
    assert (np.diff(gaps) < 1e-6).all(), gaps


def says_what_it_keeps(network, X, kind, n_components, least):
    """Error and share of the plan are those of the map on the same rows; the share has been seen before."""
    plan, Z = made(network, X, kind, n_components)
    K = da.kernel(network, X, kind=kind)
    error, kept = da.metrics.relative_error(K, Z), (Z**2).sum() / np.trace(K)
    assert abs(plan.predicted_error - error) <= 1e-6 * error + 1e-9, (plan.predicted_error, error)
    assert abs(plan.kept - kept) <= 1e-6, (plan.kept, kept)
    assert kept >= least, (kept, least)
    assert plan.used <= n_components
