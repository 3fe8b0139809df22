"""Random features beside polynomial sketches: error and rows a second at equal dimension.

    python examples/benchmarks/random_features.py [--quick] [--plot FILE.png] [SECTION ...]

Sections: papers (ReLU NTK of two hidden layers, beside the papers' research code), leverage (spectral error
with and without leverage scores, at every ridge), survey (families of data, activations, depths), directions
(Gaussian, orthogonal and structured W), roads (large pre-activations, and convolutions that end in Flatten or
a pool, on the CIFAR-10 images in ``--data DIRECTORY``, else on smoothed noise). All of them without a name;
``--plot`` draws the error against the number of features. ``protein`` needs its file in the folder that
DUALACT_DATA names. Errors are of Gram matrices: relative Frobenius errors, and spectral errors at ridges
that are multiples of the mean diagonal. Rows a second are those of ``transform``, float32, by the processor
time of one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for BLAS, before NumPy

import argparse
from pathlib import Path

import numpy as np
from cntk import images
from families import family
from stopwatch import cores, seconds

import dualact as da
from dualact.errors import DualactError
from dualact.sketch.random.feature_map import RandomMap
from dualact.sketch.random.fitting import plan_random

METHODS = {
    "random": {"method": "random", "leverage": False},
    "leverage": {"method": "random", "leverage": True},
    "polysketch": {"method": "polysketch"},
}
# Research code of the papers, two hidden layers: error of NTKRF at its best split and of NTKSketch at its
# best degree, and rows a second of NTKRF, one thread, on a machine like CI's.
PAPERS = {
    ("protein", 1024): (0.098, 0.070, None),
    ("protein", 4096): (0.060, 0.044, 2200),
    ("protein", 8192): (0.052, 0.027, 750),
    ("gaussian 384", 1024): (None, None, None),
    ("gaussian 384", 4096): (None, None, 2300),
    ("gaussian 384", 8192): (None, None, 730),
}
FAMILIES = ("protein", "digits", "digits centred", "gaussian 9", "gaussian 384")
SECTIONS = ("papers", "leverage", "survey", "directions", "roads")
RIDGES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)


def rows_of(name: str, rows: int) -> np.ndarray | None:
    X = family(name, rows)
    if X is None:
        print(f"{name:15} skipped: its file is not at hand (set DUALACT_DATA)")
    return X


def features(network: da.Network, m: int, seed: int, method: str) -> da.SketchedNeuralKernel:
    return da.SketchedNeuralKernel(network, n_components=m, random_state=seed, n_jobs=1, **METHODS[method])


def papers(quick: bool) -> None:
    seeds = 1 if quick else 5
    print(f"ReLU NTK, two hidden layers, 1000 rows, mean of {seeds} seeds: relative Frobenius error, rows/s")
    print(f"{'data':14}{'m':>6} │{'NTKRF':>7}{'NTKSk.':>8}{'rows/s':>8} │", end="")
    print("".join(f"{name:>11}{'rows/s':>9}" for name in METHODS), "│  NTKRF over leverage: error, speed")
    for (name, m), (rf, sketch, speed) in PAPERS.items():
        X = rows_of(name, 1000)
        if X is None:
            continue
        network = da.mlp(2, "relu", weight_std=2**0.5)
        K, narrow = da.kernel(network, X), X.astype(np.float32)
        cells, found = "", {}
        for method in METHODS:
            made = [features(network, m, seed, method).fit(X) for seed in range(seeds)]
            error = np.mean([da.metrics.relative_error(K, f.transform(narrow)) for f in made])
            found[method] = error, len(X) / seconds(lambda f=made[0], r=narrow: f.transform(r))
            cells += f"{error:11.4f}{found[method][1]:9,.0f}"
        times = f"{rf / found['leverage'][0]:.1f}" if rf else "–"
        faster = f"{found['leverage'][1] / speed:.0f}" if speed else "–"
        print(
            f"{name:14}{m:6} │{shown(rf)}{shown(sketch, 8)}{speed or '–':>8} │{cells} │{times:>6}{faster:>5}",
            flush=True,
        )


def shown(value: float | None, width: int = 7) -> str:
    return f"{'–' if value is None else f'{value:.3f}':>{width}}"


def leverage(quick: bool) -> None:
    seeds, rows = (3, 300) if quick else (10, 500)
    print(f"ReLU NTK, {rows} rows, mean of {seeds} seeds: spectral error without → with leverage, by ridge")
    print(
        f"{'data':14}{'depth':>6}{'m':>6}"
        + "".join(f"{ridge:>16g}" for ridge in RIDGES)
        + f"{'Frobenius':>18}"
    )
    for name in ("protein", "digits", "gaussian 9", "digits centred"):
        X = rows_of(name, rows)
        if X is None:
            continue
        for depth, m in ((1, 1024), (1, 4096), (2, 1024), (2, 4096)):
            network = da.mlp(depth, "relu", weight_std=2**0.5)
            K = da.kernel(network, X)
            cells = []
            for method in ("random", "leverage"):
                Zs = [features(network, m, seed, method).fit_transform(X) for seed in range(seeds)]
                cells.append(
                    [np.mean(values) for values in zip(*(both(K, Z, RIDGES) for Z in Zs), strict=True)]
                )
            pairs = [f"{a:.3f} → {b:.3f}" for a, b in zip(*cells, strict=True)]
            print(
                f"{name:14}{depth:6}{m:6}" + "".join(f"{p:>16}" for p in pairs[1:]) + f"{pairs[0]:>18}",
                flush=True,
            )


def both(K: np.ndarray, Z: np.ndarray, ridges: tuple[float, ...]) -> list[float]:
    """The relative Frobenius error, and the spectral errors."""
    scale = np.trace(K) / len(K)
    return [da.metrics.relative_error(K, Z), *(da.metrics.spectral_error(K, Z, r * scale) for r in ridges)]


def survey(quick: bool, activations: tuple[str, ...], families: tuple[str, ...], m: int = 4096) -> None:
    rows, depths = 400, ((1, 3) if quick else (1, 2, 3, 4, 5))
    ridges = (1e-1, 1e-2, 1e-3)
    print(f"NTK, m = {m}, {rows} rows: relative Frobenius error, spectral errors at ridges 1e-1, 1e-2, 1e-3")
    print("of the mean diagonal, thousand rows/s; weight_std √2, bias_std .1; leverage scores for ReLU alone")
    print(f"{'act':6}{'data':15}{'depth':>6} │{'random':^34}│{'leverage':^34}│{'polysketch':^34}│ auto")
    for activation in activations:
        for name in families:
            X = rows_of(name, rows)
            if X is None:
                continue
            for depth in depths:
                network = da.mlp(depth, activation, weight_std=2**0.5, bias_std=0.1)
                K = da.kernel(network, X)
                cells, predicted = [], {}
                for method in METHODS:
                    if method == "leverage" and activation != "relu":
                        cells.append(f"{'–':^34}")
                        continue
                    try:
                        made = features(network, m, 0, method).fit(X)
                    except DualactError:  # no series in the cosine for norms that reach so far
                        cells.append(f"{'refused':^34}")
                        continue
                    error, *spectral = both(K, made.transform(X), ridges)
                    narrow = X.astype(np.float32)
                    speed = len(X) / seconds(lambda f=made, r=narrow: f.transform(r), 0.05) / 1e3
                    predicted[method] = made.plan_.predicted_error
                    values = "".join(f"{v:7.3f}" for v in spectral)
                    cells.append(f"{error:7.4f}{values}{speed:6.1f}")
                best = min(predicted, key=predicted.__getitem__)
                chosen = "polysketch" if best == "polysketch" else "random"
                print(f"{activation:6}{name:15}{depth:6} │" + "│".join(cells) + f"│ {chosen}", flush=True)


def directions(quick: bool) -> None:
    seeds = 3 if quick else 10
    print(f"ReLU NTK, two hidden layers, 500 rows, m = 4096, mean of {seeds} seeds: error, thousand rows/s")
    print(
        f"{'data':14}" + "".join(f"{kind:>22}" for kind in ("gaussian", "orthogonal", "structured", "auto"))
    )
    for name in ("gaussian 9", "digits", "gaussian 384"):
        X = rows_of(name, 500)
        assert X is not None
        network, cells = da.mlp(2, "relu", weight_std=2**0.5), ""
        K, narrow = da.kernel(network, X), X.astype(np.float32)
        for kind in ("gaussian", "orthogonal", "structured", "auto"):
            maps = [
                RandomMap(
                    plan_random(network, "ntk", X, n_components=4096, seed=s, projection=kind), np.float32
                )
                for s in range(seeds)
            ]
            error = np.mean([da.metrics.relative_error(K, f.transform(narrow, 1)) for f in maps])
            speed = len(X) / seconds(lambda f=maps[0], r=narrow: f.transform(r, 1)) / 1e3
            cells += f"{error:14.4f}{speed:8.1f}"
        print(f"{name:14}{cells}", flush=True)


def roads(quick: bool, data: Path | None) -> None:
    """Networks without a short series in the cosine, and a pool for comparison."""
    seeds = 1 if quick else 3
    X = 10 * family("gaussian 9", 500)
    tanh = da.mlp(1, "tanh", weight_std=2**0.5, bias_std=0.1)
    cases = [("mlp(1, 'tanh'), N(0, 100) in 9 columns", tanh, X, 4096 if quick else 16384)]
    pictures, _ = images(data, 1, 32 if quick else 128, 16)
    source = "CIFAR-10" if data else "smoothed noise"
    for head in ("flatten", "gap"):
        network = da.cnn(2, "relu", kernel_size=3, weight_std=2**0.5, head=head)
        cases.append((f"cnn(2, 'relu', head={head!r}), {source} 16×16", network, pictures, 2048))
    print(f"NTK, mean of {seeds} seeds: relative Frobenius error (predicted), processor ms a row")
    print(f"{'network, rows':46}{'n':>4}{'m':>6} │{'random':^28}│{'polysketch':^28}│ auto")
    for label, network, rows, m in cases:
        K, cells, predicted = da.kernel(network, rows), [], {}
        for method in ("random", "polysketch"):
            made = [features(network, m, seed, method).fit(rows) for seed in range(seeds)]
            narrow = rows.astype(np.float32)
            error = np.mean([da.metrics.relative_error(K, f.transform(rows)) for f in made])
            predicted[method] = np.mean([f.plan_.predicted_error for f in made])
            time = seconds(lambda f=made[0], r=narrow: f.transform(r)) / len(rows) * 1e3
            cells.append(f"{error:9.4f} ({predicted[method]:.4f}){time:9.3f} ")
        chosen = da.SketchedNeuralKernel(network, n_components=m, random_state=0, n_jobs=1).fit(rows)
        name = chosen.plan_.reason.split(":")[0].removeprefix("method ")
        print(f"{label:46}{len(rows):4}{m:6} │" + "│".join(cells) + f"│ {name}", flush=True)


def plot(path: str, quick: bool) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    widths = (256, 1024, 4096) if quick else (256, 512, 1024, 2048, 4096, 8192)
    cases = [("protein", "relu"), ("gaussian 384", "relu"), ("protein", "sin")]
    figure, axes = plt.subplots(1, 3, figsize=(8, 2.6), sharey=True, layout="constrained")
    for axis, (name, activation) in zip(axes, cases, strict=True):
        X = rows_of(name, 500)
        if X is None:
            continue
        network = da.mlp(2, activation, weight_std=2**0.5)
        K = da.kernel(network, X)
        for method, style in zip(METHODS, ("s--", "o-", "^-"), strict=True):
            if activation != "relu" and method != "random":  # sin: no scores, and no polynomial sketch
                continue
            found = [
                np.mean(
                    [
                        da.metrics.relative_error(K, features(network, m, s, method).fit_transform(X))
                        for s in range(2)
                    ]
                )
                for m in widths
            ]
            axis.loglog(widths, found, style, label=method, markersize=4)
        known = [
            (m, v[0]) for (data, m), v in PAPERS.items() if data == name and activation == "relu" and v[0]
        ]
        if known:
            axis.loglog(*zip(*known, strict=True), "kx", label="NTKRF (paper's code)")
        axis.set_title(f"{name}, {activation}", fontsize=9)
        axis.set_xticks(widths, [str(m) for m in widths], fontsize=7)
        axis.minorticks_off()
        axis.set_xlabel("features")
        axis.grid(alpha=0.3, which="both")
        axis.legend(fontsize=7)
    axes[0].set_ylim(4e-3, 1.5)  # room for the legends
    axes[0].set_ylabel("relative error of the NTK")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer seeds, rows, families and depths")
    parser.add_argument("--plot", metavar="FILE.png", help="draw error against features (needs matplotlib)")
    parser.add_argument(
        "--activation", action="append", help="of the survey; relu, gelu, tanh and sin without"
    )
    parser.add_argument("--family", action="append", help="of the survey; without: all")
    parser.add_argument("--data", type=Path, help="folder of the CIFAR-10 images, for roads")
    options = parser.parse_args()
    sections = options.sections or ([] if options.plot else list(SECTIONS))
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    with cores(1):
        for section in sections:
            if section == "survey":
                families = FAMILIES[::4] if options.quick else FAMILIES
                activations = ("relu", "gelu", "tanh", "sin")
                chosen = tuple(options.activation or activations), tuple(options.family or families)
                survey(options.quick, *chosen)
            elif section == "roads":
                roads(options.quick, options.data)
            else:
                {"papers": papers, "leverage": leverage, "directions": directions}[section](options.quick)
            print()
        if options.plot:
            plot(options.plot, options.quick)
