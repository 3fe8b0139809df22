"""
How do exact kernels, features and finite networks compare on digits?
=====================================================================

One architecture, a hidden layer of ReLU, in four shapes: its tangent kernel, exact; features of that
kernel; the finite network, trained; and the finite network as it is at initialisation, with only its last
layer trained. Accuracy is on held-out digits, against the number of features, or of neurons.
"""

import warnings

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import dualact as da

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, train_size=400, random_state=0, stratify=y)
network = da.mlp(1, "relu", weight_std=2**0.5)
widths = (16, 64, 256, 1024)

K = da.kernel(network, X_train)
ridge = 1e-3 * K.diagonal().mean()
targets = np.eye(10)[y_train]
scores = da.kernel(network, X_test, X_train) @ np.linalg.solve(K + ridge * np.eye(len(K)), targets)
exact = (scores.argmax(axis=1) == y_test).mean()


def sketched(width: int, seed: int) -> float:
    features = da.SketchedNeuralKernel(network, n_components=width, random_state=seed).fit(X_train)
    model = RidgeClassifier(alpha=ridge).fit(features.transform(X_train), y_train)
    return model.score(features.transform(X_test), y_test)


def trained(width: int, seed: int) -> float:
    model = MLPClassifier((width,), max_iter=60, batch_size=50, learning_rate_init=3e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # sixty epochs are enough to compare
        return model.fit(X_train, y_train).score(X_test, y_test)


def last_layer(width: int, seed: int) -> float:
    W = np.random.default_rng(seed).standard_normal((X.shape[1], width)) * np.sqrt(2 / X.shape[1])
    hidden = [np.maximum(rows @ W, 0) / np.sqrt(width) for rows in (X_train, X_test)]
    return RidgeClassifier(alpha=ridge).fit(hidden[0], y_train).score(hidden[1], y_test)


# %%
# Two seeds each; the band is from the worse to the better.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.axhline(exact, color="k", label="exact NTK")
found = {}
jobs = {"features of the NTK": sketched, "finite, trained": trained, "finite, last layer trained": last_layer}
for label, job in jobs.items():
    found[label] = np.array([[job(width, seed) for seed in (0, 1)] for width in widths])
    (line,) = ax.plot(widths, found[label].mean(axis=1), "o-", label=label)
    ax.fill_between(
        widths, found[label].min(axis=1), found[label].max(axis=1), alpha=0.2, color=line.get_color()
    )
ax.set_xscale("log", base=2)
ax.set(xlabel="features, or neurons", ylabel="accuracy", title="digits, 400 rows to learn from")
ax.legend()

print(f"exact NTK {exact:.4f}")
for label, values in found.items():
    print(f"{label:28s}", *(f"{value:.4f}" for value in values.mean(axis=1)))
assert abs(found["features of the NTK"][-1].mean() - exact) < 0.02
plt.show()
