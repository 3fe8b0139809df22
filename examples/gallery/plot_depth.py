"""
What does depth do to a kernel?
===============================

A layer maps the correlation of two inputs to that of their outputs. Applied again and again, the map pulls
all pairs towards one value: for ReLU (at weight_std √2) that is 1, deep networks find everything alike;
with erf and large weights two inputs that differ at all drift apart (chaos). The tangent kernel, at the
right, gets a spike at ρ = 1 instead: deep networks memorise.
"""

import numpy as np
from matplotlib import pyplot as plt

import dualact as da

angles = np.linspace(0, np.pi, 181)
circle = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # |x|² = d
rho = np.cos(angles)

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained", sharex=True)
panels = [("relu", 2**0.5, "nngp"), ("erf", 3.0, "nngp"), ("relu", 2**0.5, "ntk")]
for ax, (name, weight_std, kind) in zip(axes, panels, strict=True):
    for depth in (1, 2, 4, 8, 16):
        network = da.mlp(depth, name, weight_std=weight_std)
        row = da.kernel(network, circle[:1], circle, kind=kind)[0]
        ax.plot(rho, row / row[0], label=f"depth {depth}")
    ax.set(title=f"{kind.upper()} of {name}, weight_std {weight_std:.2f}", xlabel="correlation of the inputs")
axes[0].set_ylabel("kernel, 1 for equal inputs")
axes[0].legend()

# %%
# In numbers, at right angles: the share of the kernel that two orthogonal inputs have in common.

orthogonal = circle[[0, 90]]
for depth in (1, 4, 16):
    K = da.kernel(da.mlp(depth, "relu", weight_std=2**0.5), orthogonal, kind="nngp")
    print(f"ReLU, depth {depth:2d}: {K[0, 1] / K[0, 0]:.3f}")
assert K[0, 1] / K[0, 0] > 0.9
plt.show()
