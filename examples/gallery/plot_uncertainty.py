"""
How sure is an infinitely wide network?
=======================================

With the NNGP kernel, Gaussian process regression *is* Bayesian inference in the infinitely wide network: a
mean and a standard deviation, without a single network being trained. Different activations are different
beliefs about what lies between and beyond the data. The standard deviation of the weights is found by the
marginal likelihood.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.gaussian_process import GaussianProcessRegressor

import dualact as da

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-2, -0.7, 9), rng.uniform(0.5, 1.5, 9)])
y = np.sin(3 * x) + 0.3 * x + 0.05 * rng.standard_normal(len(x))
grid = np.linspace(-4, 4, 161)

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained", sharey=True)
spread = {}
for ax, name in zip(axes, ("relu", "erf", "sin"), strict=True):
    prior = da.NeuralKernel(
        da.mlp(2, name, weight_std=1.5, bias_std=2.0), kind="nngp", bias_std_bounds="fixed"
    )
    gp = GaussianProcessRegressor(prior, alpha=0.05**2).fit(x[:, None], y)
    mean, std = gp.predict(grid[:, None], return_std=True)
    spread[name] = std
    ax.fill_between(grid, mean - 2 * std, mean + 2 * std, alpha=0.25)
    ax.plot(grid, mean)
    ax.plot(x, y, "k.")
    found = gp.kernel_.network.layers[0]
    ax.set(title=f"{name}: weight_std {found.weight_std:.2f}", xlabel="x", ylim=(-4, 4))
    print(
        f"{name:5s} log marginal likelihood {gp.log_marginal_likelihood_value_:6.2f}   "
        f"std at data {std[np.abs(grid - 1) < 0.3].mean():.3f}, in the gap {std[80]:.3f}, far {std[-1]:.3f}"
    )
    assert std[80] > 2 * std[np.abs(grid - 1) < 0.3].mean()
axes[0].set_ylabel("y")
plt.show()
