"""
How does the error fall with the number of features?
====================================================

A feature map has two errors: the series is cut, and what is kept is sketched. The dotted line is what the
plan predicts before anything is computed. The grey lines are the series alone, cut at a degree and
refitted, without any sketch: above them columns are what is missing, at them degrees are.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import dualact as da

X = load_digits().data[::6] / 16
X = X - X.mean(axis=0)  # centred data are the hard case: no main direction carries most of the kernel
widths = (128, 256, 512, 1024, 2048)

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, depth in zip(axes, (1, 3), strict=True):
    estimator = da.SketchedNeuralKernel(da.mlp(depth, "relu", weight_std=2**0.5), random_state=0)
    display = da.SketchErrorDisplay.from_estimator(
        estimator, X, widths=widths, n_repeats=2, ax=ax, name="measured"
    )
    ax.set_title(f"ReLU NTK of depth {depth}, digits centred")
    ratio = display.errors.mean(axis=1) / display.predicted
    print(f"depth {depth}: measured / predicted", ratio.round(2))
    assert (np.abs(np.log(ratio)) < np.log(1.5)).all()

# The series alone: the kernel of angles expanded in powers, refitted on these rows, without any sketch.

rho = np.clip(X @ X.T / np.outer(*[np.linalg.norm(X, axis=1)] * 2), -1, 1)
norms = np.outer(*[np.linalg.norm(X, axis=1)] * 2)
for ax, depth in zip(axes, (1, 3), strict=True):
    K = da.kernel(da.mlp(depth, "relu", weight_std=2**0.5), X)
    target, sample = (K / norms).ravel(), slice(None, None, 37)
    for degree, style in ((2, "--"), (4, "-."), (8, ":")):
        powers = rho.ravel()[:, None] ** np.arange(degree + 1)
        c, *_ = np.linalg.lstsq(powers[sample], target[sample], rcond=None)
        left = np.linalg.norm((powers @ c - target) * norms.ravel()) / np.linalg.norm(K)
        ax.axhline(left, ls=style, color="0.5", lw=1)
        ax.annotate(f"series of degree {degree}", (widths[0], left), va="bottom", color="0.4", fontsize=8)
axes[1].set_ylabel("")
plt.show()
