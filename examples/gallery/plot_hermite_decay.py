"""
How fast do the Hermite coefficients of an activation fall?
===========================================================

The kernel of a layer is Σ aₖ² ρᵏ. How fast aₖ² falls with k says how many powers of the cosine a sketch
needs. It is decided by the worst place of φ: a jump gives k^(−3/2), a kink k^(−5/2), an analytic function
falls exponentially, the faster the farther its poles are from the real line.
"""

import numpy as np
from matplotlib import pyplot as plt

import dualact as da

DEGREE = 60
NEEDED = {"monomial": 3, "hermite": 4, "rectified_power": 3}  # a power each; the others have defaults
tails = {}
for name, row in da.activations(load=True).items():
    if row.canonical != name or row.error or name in ("threshold", "polynomial"):
        continue
    params = {p.name: NEEDED[name] for p in row.parameters if name in NEEDED}
    act = da.activation(name, **params)
    squares = da.hermite(act, 1.0, DEGREE) ** 2
    total = da.dual(act, 1.0, 1.0, 1.0)
    # what a series of degree k leaves out, relative to the kernel at ρ = 1
    tails[name] = np.maximum(total - np.cumsum(squares), 1e-17) / total

figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
labelled = {"sign": "C3", "relu": "C0", "squared_relu": "C1", "gelu": "C2", "tanh": "C4", "sin": "C5"}
for name, tail in tails.items():
    style = {"color": labelled[name], "label": name, "zorder": 3} if name in labelled else {"color": "0.8"}
    ax.semilogy(tail, **style)
ax.set(
    xlabel="degree of the series",
    ylabel="share left out, at ρ = 1",
    ylim=(1e-16, 2),
    title=f"{len(tails)} activations at variance 1",
)
ax.legend(loc="lower left", framealpha=1)

# %%
# The degree that leaves out less than a thousandth:

needed = {name: int(np.argmax(tail < 1e-3)) for name, tail in tails.items() if tail[-1] < 1e-3}
for name in sorted(needed, key=needed.get):
    print(f"{name:22s} {needed[name]:3d}")
print("more than", DEGREE, "for:", ", ".join(sorted(set(tails) - set(needed))))
assert len(tails) >= 40
assert needed["gelu"] < needed["relu"]
plt.show()
