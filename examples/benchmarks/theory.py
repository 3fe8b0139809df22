"""The numbers that stand in docs/theory.md between its formulas.

    python examples/benchmarks/theory.py [SECTION ...]

Sections: predicted (errors over families of rows; section 4 of the page), leaves (sparse rows; 9), ridge
(truncation as a ridge; 10), powers (a polynomial kernel power by power or as a whole; 11), monomials (beside
a sketch; 15), series (the energies of Chebyshev polynomials in a dual; 16). All of them without a name, some
minutes. Nothing but what ships with scikit-learn is needed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for BLAS, before NumPy

import argparse
from dataclasses import replace

import numpy as np
from families import family, sparse_rows
from scipy import sparse
from scipy.stats import binom
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import normalize

import dualact as da
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.planning import plan_features
from dualact.sketch.polysketch import PolySketch


def relu(depth: int = 1) -> da.Network:
    return da.mlp(depth, "relu", weight_std=2**0.5)


def features(network: da.Network, m: int, seed: int = 0, **options: object) -> da.SketchedNeuralKernel:
    return da.SketchedNeuralKernel(network, n_components=m, random_state=seed, **options)


def predicted() -> None:
    """Measured error over predicted error, families of rows, activations, depths and widths."""
    rng = np.random.default_rng(0)
    spiky = 0.05 * rng.standard_normal((500, 64))
    spiky[np.arange(500), rng.integers(0, 64, 500)] += 3
    rows = {name: family(name, 500) for name in ("digits", "digits centred", "gaussian 9", "gaussian 64")}
    rows |= {
        "gaussian 256": family("gaussian 256", 500),
        "ragged norms": rng.standard_normal((500, 20)) * 10 ** rng.uniform(-1.5, 1.5, (500, 1)),
        "spiky": spiky,
        "heavy tails": rng.standard_t(1.5, (500, 32)),
        "counts": rng.poisson(0.3, (500, 100)) + np.eye(100)[rng.integers(0, 100, 500)],
    }
    print("measured error over predicted error, NTK; root mean square of 4 seeds, 256, 1024 and 4096 columns")
    print(
        f"{'rows':16}" + "".join(f"{a + ' ' + str(d):>24}" for a in ("relu", "gelu", "tanh") for d in (1, 3))
    )
    for name, X in rows.items():
        cells = []
        for activation in ("relu", "gelu", "tanh"):
            for depth in (1, 3):
                network = da.mlp(depth, activation, weight_std=2**0.5, bias_std=0.1)
                K, ratios = da.kernel(network, X), []
                for m in (256, 1024, 4096):
                    plan = plan_features(network, "ntk", X, n_components=m)
                    maps = (FeatureMap(plan, seed, np.float64) for seed in range(4))
                    squares = [da.metrics.relative_error(K, f.transform(X)) ** 2 for f in maps]
                    ratios.append(np.sqrt(np.mean(squares)) / plan.predicted_error)
                cells.append(" ".join(f"{r:.2f}" for r in ratios))
        print(f"{name:16}" + "".join(f"{c:>24}" for c in cells), flush=True)


def leaves() -> None:
    """Sparse leaves: measured over predicted, and the worst seed with heavy coordinates."""
    print("sparse leaves, NTK of two ReLU layers: root mean square error of 8 seeds over the predicted one")
    for d in (10_000, 100_000):
        for m in (256, 1024):
            X = sparse_rows(d, 500)
            plan = plan_features(relu(2), "ntk", X, n_components=m)
            K = da.kernel(relu(2), X)
            maps = (FeatureMap(plan, seed, np.float64) for seed in range(8))
            squares = [da.metrics.relative_error(K, f.transform(X)) ** 2 for f in maps]
            ratio = np.sqrt(np.mean(squares)) / plan.predicted_error
            print(f"{d:8,} columns, {m:5} features: {ratio:.2f}", flush=True)
    X = heavy_pairs(200)
    K = da.kernel(relu(2), X)
    plan = plan_features(relu(2), "ntk", X, n_components=512)
    print("two of six coordinates hold 95 % of |x|², 512 columns, 300 seeds, over the predicted error:")
    for blocks in (1, 2, 4):
        maps = (FeatureMap(replace(plan, spread=blocks), seed, np.float64) for seed in range(300))
        ratios = [da.metrics.relative_error(K, f.transform(X)) / plan.predicted_error for f in maps]
        mean = np.mean(np.square(ratios)) ** 0.5
        print(f"  s = {blocks}: worst {max(ratios):.1f}, root mean square {mean:.2f}")


def heavy_pairs(n: int, d: int = 20_000) -> sparse.csr_array:
    rng = np.random.default_rng(0)
    X = sparse.csr_array(sparse.random(n, d, 60 / d, format="csr", rng=rng))
    X = normalize(X)
    places = np.argsort(rng.random((n, 6)), axis=1)[:, :2] * 1000
    values = 3 * rng.standard_normal(2 * n)
    return sparse.csr_array(
        X + sparse.csr_array((values, (np.repeat(np.arange(n), 2), places.ravel())), (n, d))
    )


def ridge() -> None:
    """Centred digits: truncation as a ridge of each row, beside the exact kernel."""
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0))[:1400] / 16
    train, test, target = slice(0, 800), slice(800, 1400), np.eye(10)[y[:1400]] - 0.1
    K = da.kernel(relu(), X)
    level = 1e-4 * K.trace() / len(K)
    exact = K[test, train] @ np.linalg.solve(K[train, train] + level * np.eye(800), target[train])
    fitted = features(relu(), 2145, degree=2, method="polysketch").fit(X[train])
    Z, tau = fitted.transform(X), fitted.residual_variance(X)
    print("centred digits, ReLU NTK, degree 2 exact: Gram error, distance of the predictions, accuracy")
    for label, alpha, weights in (("ridge alone", level, None), ("with τ", 1.0, 1 / (level + tau[train]))):
        model = Ridge(alpha=alpha, fit_intercept=False).fit(Z[train], target[train], sample_weight=weights)
        found = model.predict(Z[test])
        G = Z[train] @ Z[train].T + (np.diag(tau[train]) if weights is not None else 0)
        gram = np.linalg.norm(K[train, train] - G) / np.linalg.norm(K[train, train])
        gap = np.linalg.norm(found - exact) / np.linalg.norm(exact)
        print(f"{label:12} {gram:.4f}  {gap:.3f}  {(found.argmax(axis=1) == y[800:1400]).mean():.3f}")
    print(f"{'exact kernel':12}                {(exact.argmax(axis=1) == y[800:1400]).mean():.3f}")


def whole(X: np.ndarray, degree: int, seed: int, m: int = 1024) -> np.ndarray:
    out = np.empty((len(X), m), np.float32)
    PolySketch(X.shape[1], {degree: m}, seed=seed)(X.astype(np.float32), {degree: out})
    return out.astype(float)


def powers() -> None:
    """(x·y + 1)^q: powers sketched apart, beside one sketch of (x, 1)^{⊗q}."""
    print("(x·y + 1)^q, unit rows, 1024 columns, mean of 3 seeds: powers apart, as a whole, ratio")
    for name in ("digits", "digits centred", "gaussian 9", "gaussian 384"):
        X = family(name, 500)
        X = X / np.linalg.norm(X, axis=1, keepdims=True)
        longer = np.hstack([X, np.ones((len(X), 1))])
        for q in (2, 3, 4, 6):
            K = (X @ X.T + 1) ** q
            apart = [
                da.PolynomialSketch(degree=q, coef0=1, n_components=1024, random_state=seed).fit_transform(X)
                for seed in range(3)
            ]
            found = [
                np.mean([da.metrics.relative_error(K, Z) for Z in made])
                for made in (apart, [whole(longer, q, seed) for seed in range(3)])
            ]
            ratio = "exact" if found[0] < 1e-6 else f"{found[1] / found[0]:.1f}"
            print(f"{name:16}{q:3}{found[0]:9.4f}{found[1]:9.4f}  {ratio}", flush=True)


def monomials() -> None:
    """Leading monomials beside a sketch: errors, and accuracy of a ridge on few columns."""
    decaying = np.random.default_rng(0).standard_normal((1500, 256)) / np.arange(1, 257)
    rows = {
        "digits": load_digits().data[:1500],
        "decaying 256": decaying,
        "gaussian 9": family("gaussian 9", 1500),
        "gaussian 64": family("gaussian 64", 1500),
        "gaussian 256": family("gaussian 256", 1500),
    }
    print("ReLU NTK, one hidden layer, 1500 rows: error, and spectral error at 1e-2 of the mean diagonal")
    print(f"{'rows':14}{'m':>6}{'monomials':>20}{'polysketch':>20}")
    for name, X in rows.items():
        K = da.kernel(relu(), X)
        for m in (512, 2048):
            cells = []
            for method in ("monomials", "polysketch"):
                Z = features(relu(), m, method=method).fit_transform(X)
                spectral = da.metrics.spectral_error(K, Z, 1e-2 * K.trace() / len(K))
                cells.append(f"{da.metrics.relative_error(K, Z):12.4f}{spectral:8.2f}")
            print(f"{name:14}{m:6}" + "".join(cells), flush=True)
    X, y = load_digits(return_X_y=True)
    print("digits, 1000 rows for training, 797 for testing, 128 columns, ridge 1e-4 of the mean |z|²")
    for method, seeds in (("monomials", 1), ("polysketch", 4)):
        scores = []
        for seed in range(seeds):
            made = features(relu(), 128, seed, method=method).fit(X[:1000])
            Z = made.transform(X)
            alpha = 1e-4 * (Z[:1000] ** 2).sum(axis=1).mean()
            scores.append(RidgeClassifier(alpha=alpha).fit(Z[:1000], y[:1000]).score(Z[1000:], y[1000:]))
        print(f"{method:12}", *(f"{100 * score:.1f} %" for score in sorted(scores)))


def series() -> None:
    """How many powers of the cosine a dual takes, and how many Chebyshev polynomials of it."""
    print("activation  variance  powers  polynomials (of one parity: half)  exponent: predicted  measured")
    for name, variance in (("tanh", 1.0), ("tanh", 10.0), ("silu", 1.0)):
        degree = 2500
        energy = np.square(da.hermite(name, variance, degree))
        energy /= energy.sum()
        k, j = np.arange(degree + 1), np.arange(degree + 1)
        walk = binom.pmf((k[:, None] + j) / 2, k[:, None], 0.5) * np.where(j > 0, 2, 1)  # P(|S_k| = j)
        economised = energy @ walk
        terms = [int(np.flatnonzero(e[::-1].cumsum()[::-1] > 1e-15)[-1]) + 1 for e in (energy, economised)]
        b, rate = (
            -np.polyfit(place[e > 1e-28][12:], np.log(e[e > 1e-28][12:]), 1)[0] / half
            for e, place, half in ((energy, np.sqrt(k), 2), (economised, j ** (2 / 3), 1))
        )
        print(
            f"{name:10} {variance:9g} {terms[0]:7} {terms[1]:12} {1.5 * (2 * b) ** (2 / 3):42.3f} {rate:9.3f}"
        )


SECTIONS = {
    "predicted": predicted,
    "leaves": leaves,
    "ridge": ridge,
    "powers": powers,
    "monomials": monomials,
    "series": series,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    options = parser.parse_args()
    for section in options.sections:
        if section not in SECTIONS:
            parser.error(f"no section {section!r}; there are {', '.join(SECTIONS)}")
    for section in options.sections or SECTIONS:
        SECTIONS[section]()
        print()
