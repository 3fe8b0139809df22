"""
What do CNTK features see in images?
====================================

The kernel of a convolutional network compares every patch of one image with every patch of the other. An
image that is moved by a pixel is another vector to a dense network, and nearly the same image to a pooling
one. Exact kernels cost n² pairs of images, features a pass over n.
"""

import time

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

import dualact as da

digits = load_digits()
images, y = digits.images[:400, :, :, None] / 16, digits.target[:400]
moved = np.roll(images, 1, axis=2)

networks = {
    "dense": da.Network([da.Flatten(), *da.mlp(2, "relu", weight_std=2**0.5)]),
    "CNTK, flatten": da.cnn(2, "relu", head="flatten"),
    "CNTK, pooled": da.cnn(2, "relu", head="gap"),
}

# %%
# Cosines of an image with itself, moved to the right, and accuracy on images that were moved.

figure = plt.figure(figsize=(13, 3.4), layout="constrained")
grid = figure.add_gridspec(2, 4, width_ratios=(0.5, 1, 1, 1))
for place, title, image in ((0, "an image", images[0]), (1, "moved", moved[0])):
    ax = figure.add_subplot(grid[place, 0])
    ax.imshow(image[:, :, 0], cmap="gray_r")
    ax.set(title=title, xticks=[], yticks=[])
axes = [figure.add_subplot(grid[:, column]) for column in (1, 2, 3)]
train, test = slice(0, 300), slice(300, 400)
bins = np.linspace(0.3, 1, 36)
for ax, (label, network) in zip(axes, networks.items(), strict=True):
    features = da.SketchedNeuralKernel(network, n_components=512, random_state=0).fit(images[train])
    start = time.perf_counter()
    Z, Z_moved = features.transform(images), features.transform(moved)
    seconds = time.perf_counter() - start
    lengths = np.linalg.norm(Z, axis=1) * np.linalg.norm(Z_moved, axis=1)
    cosines = (Z * Z_moved).sum(axis=1) / lengths
    K = da.kernel(network, images[:25])
    error = da.metrics.relative_error(K, Z[:25])
    model = RidgeClassifier(alpha=1e-3 * (Z[train] ** 2).sum(axis=1).mean()).fit(Z[train], y[train])
    scores = model.score(Z[test], y[test]), model.score(Z_moved[test], y[test])
    print(
        f"{label:14s} cosine with itself moved {cosines.mean():.3f}   "
        f"accuracy {scores[0]:.2f}, moved {scores[1]:.2f}   error of the kernel {error:.4f}   "
        f"{seconds / 800 * 1e3:.2f} ms an image"
    )
    ax.hist(cosines, bins=bins)
    ax.set(
        title=f"{label}\naccuracy {scores[0]:.2f}, moved {scores[1]:.2f}", xlabel="cosine with itself, moved"
    )
axes[0].set_ylabel("images")
assert scores[1] > 0.7
assert cosines.mean() > 0.95
plt.show()
