"""Every mutant is killed by the law that is there for it, and the healthy original passes that law."""

from __future__ import annotations

import dataclasses
import math

import kernel_laws as laws
import numpy as np
import pytest
import sketch_laws

import dualact as da
from dualact.sketch import polysketch, tables
from dualact.sketch.polysketch import PolySketch
from dualact.sketch.series import expand

RELU, ERF, SILU = (da.activation(name) for name in ("relu", "erf", "silu"))
LOG_SIGMOID = da.activation("log_sigmoid")


def mutant(act, **changes):
    return dataclasses.replace(act, **changes)


def physicists(act):
    """Coefficients in the basis H_k(z/√2)-like: physicists' polynomials under the same density."""

    def hermite(variance, degree):
        z, weight = np.polynomial.hermite_e.hermegauss(200)
        values = act(np.sqrt(np.asarray(variance))[..., None] * z)
        basis = np.polynomial.hermite.hermvander(z, degree)
        return values @ (weight[:, None] / math.sqrt(2 * math.pi) * basis)

    return hermite


def constant(cov, var_u, var_v):
    return np.full(np.broadcast_shapes(cov.shape, var_u.shape, var_v.shape), 0.7)


def zero(cov, var_u, var_v):
    return 0.0 * constant(cov, var_u, var_v)


def at_unit_variance(hermite):
    return lambda variance, degree: hermite(np.ones_like(variance), degree)


MUTANTS = {
    "zero map": (RELU, {"dual": zero}, "diagonal_is_the_second_moment"),
    "zero derivative": (RELU, {"dual_prime": zero}, "price"),
    "constant map": (ERF, {"dual": constant}, "mehler_sums_to_the_dual"),
    "constant derivative": (ERF, {"dual_prime": constant}, "price"),
    "leaky_relu := log_sigmoid, its function": (
        da.activation("leaky_relu"),
        {"phi": LOG_SIGMOID.phi},
        "phi_is_homogeneous_as_claimed",
    ),
    "leaky_relu := log_sigmoid, all but the closed forms": (
        da.activation("leaky_relu"),
        {"phi": LOG_SIGMOID.phi, "phi_prime": LOG_SIGMOID.phi_prime, "homogeneity": None},
        "closed_forms_are_what_phi_gives",
    ),
    "physicists' Hermite": (ERF, {"hermite": physicists(ERF)}, "hermite_is_the_integral_of_phi"),
    "physicists' Hermite, squares": (ERF, {"hermite": physicists(ERF)}, "parseval_bounds_the_squares"),
    "unit-variance coefficients": (
        ERF,
        {"hermite": at_unit_variance(ERF.hermite)},
        "hermite_is_the_integral_of_phi",
    ),
    "unit-variance coefficients, summed": (
        ERF,
        {"hermite": at_unit_variance(ERF.hermite)},
        "mehler_sums_to_the_dual",
    ),
    "one norm for both": (ERF, {"dual": lambda c, p, q: ERF.dual(c, p, p)}, "duals_are_symmetric"),
    "correlations, not covariances": (
        ERF,
        {"dual": lambda c, p, q: ERF.dual(c / np.sqrt(np.maximum(p * q, 1e-300)), 1 + 0 * p, 1 + 0 * q)},
        "diagonal_is_the_second_moment",
    ),
    "a slope of another φ": (SILU, {"phi_prime": RELU.phi_prime}, "phi_prime_is_the_slope_of_phi"),
    "an undeclared kink": (RELU, {"breakpoints": ()}, "phi_is_smooth_between_its_breakpoints"),
    "an undeclared kink, not at 0": (
        da.activation("relu6"),
        {"breakpoints": (0.0,)},
        "phi_is_smooth_between_its_breakpoints",
    ),
    "an undeclared jump": (
        da.activation("sign"),
        {"breakpoints": ()},
        "phi_is_smooth_between_its_breakpoints",
    ),
    "a parity that is not": (SILU, {"parity": "odd"}, "phi_has_the_parity_it_claims"),
    "a parity against the dual": (
        ERF,
        {"dual": lambda c, p, q: ERF.dual(np.abs(c), p, q)},
        "duals_have_the_parity_claimed",
    ),
    "a homogeneity that is not": (RELU, {"homogeneity": 2.0}, "duals_are_homogeneous_as_claimed"),
    "not vectorised": (
        ERF,
        {"phi": lambda t: np.float64(math.erf(np.ravel(t)[0])) if np.size(t) else t},
        "phi_is_vectorised",
    ),
    "a softmax": (ERF, {"phi": lambda t: np.exp(t) / np.exp(t).sum()}, "phi_is_vectorised"),
    "single precision": (
        ERF,
        {"phi": lambda t: ERF.phi(t).astype(np.float32)},
        "phi_is_vectorised",
    ),
    "too large": (ERF, {"dual": lambda c, p, q: ERF.dual(c, p, q) + (p * q - c * c)}, "cauchy_schwarz"),
    "a minus sign": (
        ERF,
        {"dual": lambda c, p, q: np.where(c < p * q, -1, 1) * ERF.dual(c, p, q)},
        "gram_matrices_are_positive",
    ),
    "NaN at ρ = 1": (
        ERF,
        {"dual_prime": lambda c, p, q: ERF.dual_prime(c, p, q) * np.where(c * c == p * q, np.nan, 1.0)},
        "duals_stay_numbers_at_the_edges",
    ),
    "nothing at variance zero": (
        da.activation("gaussian"),
        {"dual": lambda c, p, q: np.where(p * q > 0, da.activation("gaussian").dual(c, p, q), 0.0)},
        "zero_variance",
    ),
    "input overwritten": (
        ERF,
        {"dual": lambda c, p, q: np.multiply(ERF.dual(c, p, q), 1.0, out=c)},
        "duals_broadcast",
    ),
    "depends on the company": (
        ERF,
        {"dual": lambda c, p, q: ERF.dual(c, p, q) * (1 + 1e-6 * (np.size(c) > 1))},
        "duals_broadcast",
    ),
    "coefficients for one variance only": (
        ERF,
        {"hermite": lambda v, n: ERF.hermite(np.ravel(v)[:1], n)},
        "shapes_of_hermite",
    ),
    "hermite that forgets variance zero": (
        da.activation("gaussian"),
        {
            "hermite": lambda v, n: np.where(
                np.asarray(v)[..., None] > 0, da.activation("gaussian").hermite(v, n), 0
            )
        },
        "hermite_starts_at_phi_of_zero",
    ),
    "an even coefficient of an odd function": (
        ERF,
        {"hermite": lambda v, n: ERF.hermite(v, n) + 1e-6},
        "hermite_knows_parity",
    ),
    "claimed too accurate": (
        ERF,
        {"dual": lambda c, p, q: ERF.dual(c, p, q) * (1 + 1e-9)},
        "accuracy_is_as_claimed",
    ),
    "claimed too modestly": (ERF, {"accuracy": 1e-4}, "accuracy_is_as_claimed"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_law_kills(name):
    act, changes, law = MUTANTS[name]
    healthy = da.testing.check_activation(mutant(act), laws=[law])
    assert not healthy.failed, str(healthy)
    report = da.testing.check_activation(mutant(act, **changes), laws=[law])
    assert [v.law for v in report.failed] == [law], str(report)


def test_every_law_has_a_mutant():
    assert {law for _, _, law in MUTANTS.values()} == set(da.testing.LAWS)


# Kernels

X = np.array([[1.0, 2.0, -0.5], [0.3, -1.0, 1.1], [-1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [0.1, 0.2, -0.05]])
Y = np.array([[2.0, 0.1, 0.4], [0.0, -3.0, 1.0], [0.5, 0.5, -0.5], [1.0, 2.0, -0.5], [0.2, 0.0, 0.0]])
NETWORK = da.mlp(2, "gelu", weight_std=1.2, bias_std=0.5)


def mlp_kernel(ntk_bias=1.0, swap=False, leak=0.0, negate=False):
    """The recursion of mlp(depth, activation) written out, with its mutations."""

    def kernel(network, X, Y=None, kind="ntk"):
        Y = X if Y is None else Y
        c = X @ Y.T / X.shape[1]
        p, q = (np.square(rows).mean(axis=1) for rows in (X, Y))
        p, q = (
            (p[:, None], q[None]) if not swap else (np.resize(q, len(X))[:, None], np.resize(p, len(Y))[None])
        )
        p = p + leak * p.mean()
        theta = np.zeros_like(c)
        for layer in network:
            if isinstance(layer, da.Dense):
                w2, b2 = layer.weight_std**2, layer.bias_std**2
                c, p, q = w2 * c + b2, w2 * p + b2, w2 * q + b2
                theta = w2 * theta + c - (1 - ntk_bias) * b2
            else:
                bound = np.sqrt(p * q)
                c = np.clip(c, -bound, bound)
                theta = theta * da.dual_prime(layer.activation, c, p, q)
                c, p, q = (da.dual(layer.activation, *a) for a in ((c, p, q), (p, p, p), (q, q, q)))
        return -theta if negate else theta if kind == "ntk" else c

    return kernel


KERNEL_MUTANTS = {
    "bias dropped from the NTK": ({"ntk_bias": 0.0}, lambda k: laws.ntk_exceeds_nngp(k, NETWORK, X[3:])),
    "bias dropped, against the recursion": (
        {"ntk_bias": 0.0},
        lambda k: laws.is_the_recursion(k, NETWORK, X, Y, "ntk"),
    ),
    "swapped norms": ({"swap": True}, lambda k: laws.is_the_recursion(k, NETWORK, X, Y, "nngp")),
    "swapped norms, scaled": (
        {"swap": True},
        lambda k: laws.homogeneous(k, da.mlp(1, "relu"), X[[0, 1, 4]], Y[:3], "nngp"),
    ),
    "rows leak": ({"leak": 1e-3}, lambda k: laws.rows_do_not_leak(k, NETWORK, X, Y, "ntk")),
    "minus sign": ({"negate": True}, lambda k: laws.symmetric_and_positive(k, NETWORK, X, "ntk")),
}


@pytest.mark.parametrize("name", KERNEL_MUTANTS)
def test_a_kernel_law_kills(name):
    changes, law = KERNEL_MUTANTS[name]
    law(da.kernel)
    law(mlp_kernel())
    with pytest.raises(AssertionError):
        law(mlp_kernel(**changes))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_zero_and_constant_kernels_are_killed(value):
    def kernel(network, X, Y=None, kind="ntk"):
        return np.full((len(X), len(X if Y is None else Y)), value)

    for kind in ("nngp", "ntk"):
        with pytest.raises(AssertionError):
            laws.is_the_recursion(kernel, NETWORK, X, Y, kind)
    with pytest.raises(AssertionError):
        laws.ntk_exceeds_nngp(kernel, NETWORK, X)


# Series


def test_swapped_norms_of_the_series_are_killed():
    def swapped(layers, rows, columns, degree, with_theta):
        return expand(layers, columns, rows, degree, with_theta)

    for kind in ("nngp", "ntk"):
        laws.is_its_series(da.kernel, NETWORK, X, Y, kind)
        with pytest.raises(AssertionError):
            laws.is_its_series(da.kernel, NETWORK, X, Y, kind, series=swapped)


def test_unit_variance_coefficients_in_the_series_are_killed(monkeypatch):
    from dualact.sketch import series

    fixed = at_unit_variance(lambda variance, degree: da.hermite("gelu", variance, degree))
    monkeypatch.setattr(series, "hermite", lambda act, variance, degree: fixed(variance, degree))
    with pytest.raises(AssertionError):
        laws.is_its_series(da.kernel, NETWORK, X, Y, "nngp")


def test_a_negative_coefficient_is_killed():
    def alternating(*arguments):
        g = expand(*arguments)
        return g * (-1.0) ** np.arange(len(g))[:, None, None]

    variances = np.array([0.3, 1.0, 4.0])
    laws.series_is_positive(NETWORK, variances, "ntk")
    with pytest.raises(AssertionError):
        laws.series_is_positive(NETWORK, variances, "ntk", series=alternating)


# Sketches

U = np.array([0.5, 0.1, -0.3, 0.6, 0.2, -0.1, 0.4, 0.3])
V = np.array([0.4, 0.3, -0.4, 0.5, 0.0, -0.2, 0.5, 0.1])


def sketch(seed):
    return PolySketch(8, {2: 8, 3: 8}, seed=seed, structure="real_product", dtype=np.float64)


def test_a_seed_reused_across_degrees_is_killed(monkeypatch):
    sketch_laws.degrees_are_uncorrelated(sketch, U, V)
    whole = polysketch.draw
    monkeypatch.setattr(polysketch, "draw", lambda circuit, key, *rest: whole(circuit, (key[0], 0), *rest))
    with pytest.raises(AssertionError):
        sketch_laws.degrees_are_uncorrelated(sketch, U, V)


def test_a_seed_reused_across_factors_is_killed(monkeypatch):
    sketch_laws.unbiased(sketch, U, V)
    whole = tables._table
    monkeypatch.setattr(tables, "_table", lambda key, *rest: whole((*key[:-1], 0), *rest))
    with pytest.raises(AssertionError):
        sketch_laws.unbiased(sketch, U, V)
