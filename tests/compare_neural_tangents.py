"""dualact beside neural-tangents, an independent implementation, on dense and spatial networks.

python tests/compare_neural_tangents.py    # in an environment that has both

neural-tangents 0.6.5 needs jax 0.4.36 or older, which no current environment has: install it and dualact in
one of their own. Skipped with a reason where it is not there. Near |ρ| = 1 neural-tangents itself is off by
up to 2e-8 in the NTK (it takes the angle as an arccos), so duplicates are compared to 1e-7 only.
"""

from __future__ import annotations

import sys
import types

import numpy as np

import dualact as da


def load():
    """Return its modules, or a reason why there are none."""
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        # Its experimental folder does not import on any jax that has the rest; nothing here needs it.
        sys.modules["neural_tangents.experimental"] = types.ModuleType("neural_tangents.experimental")
        from neural_tangents import stax
    except ImportError as error:
        return f"neural-tangents cannot be imported here ({error})"
    return stax


RNG = np.random.default_rng(0)
ROWS = np.concatenate([RNG.standard_normal((5, 6)), 3 * RNG.standard_normal((2, 6)), np.ones((1, 6))])
IMAGES = RNG.standard_normal((3, 6, 5, 2))


def cases(stax):
    """(name, network of dualact, network of neural-tangents, inputs)."""
    activations = {
        "relu": ("relu", {}, stax.Relu()),
        "leaky_relu": ("leaky_relu", {"slope": 0.2}, stax.LeakyRelu(0.2)),
        "abs": ("abs", {}, stax.Abs()),
        "erf": ("erf", {}, stax.Erf()),
        "gelu": ("gelu", {}, stax.Gelu()),
        "sin": ("sin", {}, stax.Sin()),
        "rbf": ("rbf", {"gamma": 0.7}, stax.Rbf(0.7)),
        "gaussian": ("gaussian", {"rate": -1.0}, stax.Gaussian(b=-1.0)),
        "exp": ("exp", {"rate": 0.3}, stax.Exp(b=0.3)),
        "monomial": ("monomial", {"power": 3}, stax.Monomial(3)),
    }
    for name, (ours, params, theirs) in activations.items():
        act = da.Act(ours, **params)
        yield (
            f"dense, {name}",
            da.Network([da.Dense(1.2, 0.3), act, da.Dense(0.9, 0.1), act, da.Dense()]),
            stax.serial(
                stax.Dense(1, 1.2, 0.3), theirs, stax.Dense(1, 0.9, 0.1), theirs, stax.Dense(1, 1.0, 0.0)
            ),
            ROWS / 2 if name in ("exp", "monomial") else ROWS,
        )
    relu, erf = stax.Relu(), stax.Erf()
    yield (
        "residual and layer norm",
        da.Network(
            [
                da.Dense(1.1),
                da.LayerNorm(),
                da.Residual([da.Act("erf"), da.Dense(0.8, 0.2)]),
                da.Act("relu"),
                da.Dense(),
            ]
        ),
        stax.serial(
            stax.Dense(1, 1.1, 0.0),
            stax.LayerNorm(),
            stax.FanOut(2),
            stax.parallel(stax.Identity(), stax.serial(erf, stax.Dense(1, 0.8, 0.2))),
            stax.FanInSum(),
            relu,
            stax.Dense(1, 1.0, 0.0),
        ),
        ROWS,
    )
    for padding in ("same", "valid", "circular"):
        for head in ("gap", "flatten"):
            end = (
                (da.GlobalAvgPool(), stax.GlobalAvgPool())
                if head == "gap"
                else (da.Flatten(), stax.Flatten())
            )
            yield (
                f"convolutions, {padding}, {head}",
                da.Network(
                    [
                        da.Conv(3, padding=padding, weight_std=1.4, bias_std=0.2),
                        da.Act("relu"),
                        da.AvgPool(2, strides=1),
                        da.Conv(2, padding=padding),
                        da.Act("erf"),
                        end[0],
                        da.Dense(),
                    ]
                ),
                stax.serial(
                    stax.Conv(1, (3, 3), padding=padding.upper(), W_std=1.4, b_std=0.2),
                    relu,
                    stax.AvgPool((2, 2), (1, 1)),
                    stax.Conv(1, (2, 2), padding=padding.upper(), W_std=1.0, b_std=0.0),
                    erf,
                    end[1],
                    stax.Dense(1, 1.0, 0.0),
                ),
                IMAGES,
            )
    yield (
        "strides",
        da.Network(
            [
                da.Conv(3, 2),
                da.Act("relu"),
                da.Conv(2, 2, bias_std=0.1),
                da.Act("relu"),
                da.Flatten(),
                da.Dense(),
            ]
        ),
        stax.serial(
            stax.Conv(1, (3, 3), (2, 2), "SAME", W_std=1.0, b_std=0.0),
            relu,
            stax.Conv(1, (2, 2), (2, 2), "SAME", W_std=1.0, b_std=0.1),
            relu,
            stax.Flatten(),
            stax.Dense(1, 1.0, 0.0),
        ),
        IMAGES,
    )


def main() -> int:
    stax = load()
    if isinstance(stax, str):
        print(f"skipped: {stax}")
        return 0
    worst = 0.0
    for name, ours, (_, _, kernel), X in cases(stax):
        line = f"{name:28}"
        for kind in ("nngp", "ntk"):
            K = da.kernel(ours, X, kind=kind)
            other = np.asarray(kernel(X, None, kind))
            size = np.sqrt(np.outer(np.diag(K), np.diag(K)))
            gap = np.abs(K - other) / size
            off = gap[~np.eye(len(K), dtype=bool)].max()
            worst = max(worst, gap.max())
            line += f"  {kind}: {off:.1e}, diagonal {np.diag(gap).max():.1e}"
        print(line, flush=True)
    print(f"worst difference, relative to the diagonal: {worst:.1e}")
    return int(worst > 1e-7)


if __name__ == "__main__":
    sys.exit(main())
