"""
Which activation has the kernel I want?
=======================================

Every positive series Σ aₖ ρᵏ is the kernel of an activation: φ = Σ ±√aₖ hₖ. So a shallow network can have
the kernel of a deep one, and a kernel that was chosen on data is a network. Here: the tangent kernel of a
ReLU network with four hidden layers, from a network with one hidden layer.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.optimize import nnls

import dualact as da

degree = 24
deep = da.mlp(4, "relu", weight_std=2**0.5)

# The series of the deep kernel: non-negative coefficients that fit it at angles between inputs.
rho = np.cos(np.linspace(0.05, np.pi - 0.05, 400))


def of_cosine(network: da.Network) -> np.ndarray:
    x = np.sqrt(2) * np.stack([rho, np.sqrt(1 - rho**2)], axis=1)
    return da.kernel(network, [[np.sqrt(2), 0.0]], x)[0]


target = of_cosine(deep)
coefficients, misfit = nnls(rho[:, None] ** np.arange(degree + 1), target)
shallow_act = da.from_kernel_series(coefficients, kind="ntk", signs="alternating")
shallow = da.mlp(1, shallow_act)
error = np.linalg.norm(of_cosine(shallow) - target) / np.linalg.norm(target)
print(f"{np.count_nonzero(coefficients)} terms; relative error of the shallow kernel {error:.1e}")
assert error < 0.01

# %%
# The activation is a polynomial that wiggles like a sine where the Gaussian has its mass.

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
axes[0].plot(rho, target, lw=4, alpha=0.4, label="ReLU, four hidden layers")
axes[0].plot(rho, of_cosine(shallow), "k--", label="one hidden layer of the found φ")
axes[0].set(xlabel="cosine of the inputs", ylabel="NTK", title="one kernel, two networks")
axes[0].set_xticks([-1, -0.5, 0, 0.5, 1])
axes[0].legend()
t = np.linspace(-3, 3, 301)
axes[1].plot(t, shallow_act(t))
axes[1].set(xlabel="t", ylabel="φ(t)", title="the activation")

# %%
# Rows of one norm have the kernel of the deep network, whatever their number of columns.

X = np.random.default_rng(0).standard_normal((200, 10))
X *= np.sqrt(10) / np.linalg.norm(X, axis=1, keepdims=True)
K, found = da.kernel(deep, X), da.kernel(shallow, X)
print(f"200 rows in 10 dimensions: relative error {np.linalg.norm(found - K) / np.linalg.norm(K):.1e}")
plt.show()
