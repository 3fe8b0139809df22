"""
What does it take to add an activation of one's own?
====================================================

A name and a function. Everything else is computed, and the laws say whether it is right. A closed form
makes it faster and more accurate; where one is wrong, the laws find it.
"""

import dataclasses

import numpy as np
from matplotlib import pyplot as plt

import dualact as da


def bump(width: float = 1.0) -> da.Activation:
    """φ(t) = exp(−t²/(2 width²)), nothing but the function."""
    return da.Activation("bump", lambda t: np.exp(-0.5 * (t / width) ** 2), params={"width": width})


report = da.testing.check_activation(bump())
print(report)
assert report.ok

# %%
# It works everywhere now: here are its duals, and the kernel of a network of it.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
da.DualDisplay.from_activation(bump(), ax=axes[0])
da.DualDisplay.from_activation(bump(0.3), ax=axes[0], name="bump(width=0.3)")
axes[0].set(title="its duals", xticks=[-1, -0.5, 0, 0.5, 1])
x = np.linspace(-3, 3, 121)[:, None]
network = da.mlp(2, bump(), weight_std=1.5, bias_std=1.0)
for place in (-1.5, 0.0, 1.5):
    axes[1].plot(x[:, 0], da.kernel(network, x, [[place]])[:, 0], label=f"y = {place:g}")
axes[1].set(xlabel="x", ylabel="NTK(x, y)", title="two layers of bump")
axes[1].legend()

# %%
# A closed form that is wrong by a factor of the width does not get through.


def wrong(cov, var_u, var_v):
    return 1 / np.sqrt((1 + var_u) * (1 + var_v) - cov**2)


report = da.testing.check_activation(dataclasses.replace(bump(0.5), dual=wrong))
print("\n".join(f"{v.law}: {v.message}" for v in report.verdicts if v.outcome == "failed")[:600])
assert not report.ok
plt.show()
