"""
How does the time grow with rows, columns, features and depth?
==============================================================

Exact kernels cost n², features n. Time to design a map (dashed) does not depend on n, and depth goes into
the design alone: rows see one series, whatever the number of layers.
"""

import time

import numpy as np
from matplotlib import pyplot as plt

import dualact as da

rng = np.random.default_rng(0)


def seconds(job) -> float:
    """Processor seconds: other work on the machine does not count."""
    start = time.process_time()
    job()
    return time.process_time() - start


def measured(n: int = 2000, d: int = 64, m: int = 1024, depth: int = 2) -> tuple[float, float]:
    X = rng.standard_normal((n, d)).astype(np.float32)
    features = da.SketchedNeuralKernel(
        da.mlp(depth, "relu", weight_std=2**0.5), n_components=m, random_state=0, n_jobs=1
    )
    design = seconds(lambda: features.fit(X))
    features.transform(X[:10])
    return design, min(seconds(lambda: features.transform(X)) for _ in range(3))


ranges = {
    "n": (500, 1000, 2000, 4000, 8000),
    "d": (16, 64, 256, 1024),
    "m": (256, 1024, 4096),
    "depth": (1, 2, 4, 8),
}
labels = {"n": "rows n", "d": "columns d", "m": "features m", "depth": "hidden layers"}
figure, axes = plt.subplots(1, 4, figsize=(14, 3.6), layout="constrained", sharey=True)
for ax, (what, values) in zip(axes, ranges.items(), strict=True):
    times = np.array([measured(**{what: value}) for value in values])
    ax.loglog(values, times[:, 1], "o-", label="features")
    ax.loglog(values, times[:, 0], "--", color="C0", label="their design, once")
    slope = np.polyfit(np.log(values), np.log(times[:, 1]), 1)[0]
    ax.set(xlabel=labels[what], title=f"features grow like {what}^{slope:.1f}")
    print(
        f"{labels[what]:14s}",
        *(f"{value}: {t * 1e3:.0f} ms" for value, t in zip(values, times[:, 1], strict=True)),
    )
axes[0].set_ylabel("processor seconds")

# The exact kernel, beside the first picture.
rows = (500, 1000, 2000, 4000)
network = da.mlp(2, "relu", weight_std=2**0.5)
exact = [seconds(lambda n=n: da.kernel(network, rng.standard_normal((n, 64)), n_jobs=1)) for n in rows]
axes[0].loglog(rows, exact, "s-", color="C3", label="exact kernel")
print("exact kernel  ", *(f"{n}: {t * 1e3:.0f} ms" for n, t in zip(rows, exact, strict=True)))
axes[0].set_ylim(top=20)  # room for the legend
axes[0].legend(loc="upper left")
for ax, values in zip(axes, ranges.values(), strict=True):
    ax.set_xticks(values, [str(value) for value in values])
    ax.set_xticks([], minor=True)
plt.show()
