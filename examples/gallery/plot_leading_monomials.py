"""
Which features learn most from few columns?
===========================================

Four ways to spend the same number of columns on one kernel, the tangent kernel of three GELU layers: leading
monomials, which carry exactly what is largest in the principal axes of the data; Nyström's method, kernel
values against some of the rows; a polynomial sketch, unbiased and blind to the data; random features φ(Wx).
At the left the error of the kernel, at the right the accuracy of a ridge classifier. With few columns the
monomials are ahead; with 512 of 898 rows as landmarks Nyström's method is.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split

import dualact as da

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, random_state=0, stratify=y)
network = da.mlp(3, "gelu", weight_std=2**0.5, bias_std=0.1)
widths = (32, 64, 128, 256, 512)

K = da.kernel(network, X_train)
ridge = 1e-4 * K.diagonal().mean()
targets = np.eye(10)[y_train] - 0.1
scores = da.kernel(network, X_test, X_train) @ np.linalg.solve(K + ridge * np.eye(len(K)), targets)
exact = (scores.argmax(axis=1) == y_test).mean()


def ours(method: str, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    features = da.SketchedNeuralKernel(network, n_components=width, method=method, random_state=seed)
    return features.fit_transform(X_train), features.transform(X_test)


def nystroem(width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows = X_train[np.random.default_rng(seed).choice(len(X_train), width, replace=False)]
    values, vectors = np.linalg.eigh(da.kernel(network, rows))
    root = vectors / np.sqrt(np.maximum(values, 1e-12 * values[-1]))
    return da.kernel(network, X_train, rows) @ root, da.kernel(network, X_test, rows) @ root


# %%
# Three seeds each, and their mean; leading monomials have nothing random, and so no seed.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
found = {}
for label, method in {
    "leading monomials": "monomials",
    "Nyström": None,
    "polynomial sketch": "polysketch",
    "random features": "random",
}.items():
    measured = np.empty((len(widths), 1 if method == "monomials" else 3, 2))
    for i, width in enumerate(widths):
        for seed in range(measured.shape[1]):
            Z, Z_test = nystroem(width, seed) if method is None else ours(method, width, seed)
            model = RidgeClassifier(alpha=ridge).fit(Z, y_train)
            measured[i, seed] = da.metrics.relative_error(K, Z), model.score(Z_test, y_test)
    found[label] = measured.mean(axis=1)
    for ax, values in zip(axes, found[label].T, strict=True):
        ax.plot(widths, values, "o-", label=label)
    print(f"{label:18s} accuracy", *(f"{a:.3f}" for a in found[label][:, 1]))

axes[0].set(xscale="log", yscale="log", ylabel="relative error of the kernel", title="the kernel")
axes[1].axhline(exact, color="k", lw=1, label="exact kernel")
axes[1].set(xscale="log", ylabel="accuracy", title=f"ridge, {len(X_train)} digits to learn from")
for ax in axes:
    ax.set_xlabel("number of features")
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.minorticks_off()
axes[1].legend()
print(f"exact kernel       accuracy {exact:.3f}")

# %%
# The Gram matrix of leading monomials is from below: what they leave out is a kernel itself.

Z = ours("monomials", 256, 0)[0]
left = np.linalg.eigvalsh(K - Z @ Z.T)
largest = np.linalg.norm(K, 2)
print(f"eigenvalues: {left[0]:.0e} to {left[-1]:.2f} of what 256 leave out, {largest:.0f} at most of K")
assert left[0] > -1e-4 * K.diagonal().mean()
assert found["leading monomials"][2, 1] > found["polynomial sketch"][2, 1]
plt.show()
