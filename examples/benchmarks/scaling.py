"""Time of features against the number of rows, features, components and the degree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.kernel_approximation import PolynomialCountSketch, RBFSampler
from stopwatch import seconds

import dualact as da

Method = Callable[[int, int], object]
AXES = {
    "rows n": (250, 1000, 4000, 16000),
    "features d": (8, 32, 128, 512, 2048),
    "components m": (256, 1024, 4096, 16384),
    "degree": (2, 3, 4, 6, 8, 12, 16),
}
BASE = {"rows n": 1000, "features d": 64, "components m": 1024, "degree": 4}
METHODS: dict[str, Method] = {
    "PolynomialSketch": lambda m, q: da.PolynomialSketch(degree=q, coef0=1.0, n_components=m, random_state=0),
    "SketchedNeuralKernel": lambda m, q: da.SketchedNeuralKernel(
        da.mlp(2, "gelu", bias_std=0.1), n_components=m, degree=q, random_state=0
    ),
    "PolynomialCountSketch": lambda m, q: PolynomialCountSketch(
        degree=q, coef0=1.0, n_components=m, random_state=0
    ),
    "RBFSampler": lambda m, q: RBFSampler(n_components=m, random_state=0),
}


def scaling(quick: bool, plot: str | None = None) -> None:
    """Print milliseconds of ``transform``, one axis varied at a time, and draw them."""
    base = ", ".join(f"{axis} {value}" for axis, value in BASE.items())
    print(f"milliseconds of transform on one thread, float32, Gaussian rows; where not varied: {base}")
    found: dict[str, dict[str, list[float]]] = {}
    for axis, values in AXES.items():
        values = values[:3] if quick else values
        print(f"{axis:24}" + "".join(f"{value:>9}" for value in values))
        found[axis] = {}
        for label, make in METHODS.items():
            if axis == "degree" and label == "RBFSampler":
                continue
            times = [1e3 * measured(make, BASE | {axis: value}) for value in values]
            found[axis][label] = times
            print(f"  {label:22}" + "".join(f"{time:9.1f}" for time in times), flush=True)
    if plot:
        draw(found, Path(plot))


def measured(make: Method, place: dict[str, int]) -> float:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((place["rows n"], place["features d"])) / place["features d"] ** 0.5
    X = X.astype(np.float32)
    features = make(place["components m"], place["degree"]).fit(X)  # type: ignore[attr-defined]
    features.transform(X[:8])
    return seconds(lambda: features.transform(X), 0.2)


def draw(found: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Draw times against each axis, all logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(found), figsize=(13, 3.4), sharey=True, layout="constrained")
    for panel, (axis, lines) in zip(panels, found.items(), strict=True):
        for label, times in lines.items():
            values = AXES[axis][: len(times)]
            panel.loglog(values, times, marker="o", markersize=4, label=label)
        panel.set_xticks(AXES[axis], [str(value) for value in AXES[axis]])
        panel.minorticks_off()
        panel.set_xlabel(axis)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("milliseconds of transform, one thread")
    panels[0].legend(fontsize=7)
    figure.savefig(path, dpi=90)
    print(f"wrote {path}")
