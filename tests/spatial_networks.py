"""Small spatial networks that between them have every layer, and inputs for them."""

from __future__ import annotations

import numpy as np

from dualact import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Residual

RELU, ERF = Act("relu"), Act("erf")
RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((3, 4, 3, 2))
WAVES = RNG.standard_normal((3, 7, 2))

PLANE = {
    "gap": [Conv(3, weight_std=1.4), RELU, Conv(2, bias_std=0.3), RELU, GlobalAvgPool(), Dense(1.1, 0.2)],
    "flatten": [Conv(3, bias_std=0.1), ERF, Conv((3, 2), padding="circular"), ERF, Flatten(), Dense()],
    "strides": [Conv(3, strides=2), RELU, Conv(2, strides=(1, 2), padding="circular"), RELU, GlobalAvgPool()],
    "valid": [Conv(2, padding="valid"), ERF, Conv((2, 1), padding="valid"), Flatten(), Dense()],
    "pool then act": [Conv(3), AvgPool(2, strides=1), RELU, Conv(2), RELU, Flatten(), Dense()],
    "pool then conv": [Conv(3), RELU, AvgPool(2), Conv(2, bias_std=0.2), RELU, GlobalAvgPool(), Dense()],
    "padded pool": [Conv(1), ERF, AvgPool(3, strides=2, padding="same"), Conv(1), ERF, Flatten()],
    "pool before flatten": [Conv(3), RELU, AvgPool((2, 1)), Flatten(), Dense()],
    "pool of the input": [AvgPool(2, strides=1), Conv(2), RELU, GlobalAvgPool()],
    "gap of the input": [GlobalAvgPool(), Dense(bias_std=0.5), RELU, Dense()],
    "flat input": [Flatten(), Dense(1.3), RELU, Dense()],
    "layer norm": [
        Conv(3, bias_std=0.4),
        LayerNorm(),
        ERF,
        Conv(3),
        LayerNorm(),
        ERF,
        GlobalAvgPool(),
    ],
    "pool and layer norm": [Conv(2), AvgPool(2), LayerNorm(), RELU, Flatten(), Dense(), LayerNorm()],
    "residual": [Conv(3), Residual([RELU, Conv(3, bias_std=0.2)]), RELU, Flatten(), Dense()],
    "residual with pool": [
        Conv(3),
        Residual([ERF, AvgPool(3, strides=1, padding="same"), Conv(2)]),
        Residual([Residual([RELU, Conv(1)]), LayerNorm(), RELU, Conv(3, padding="circular")]),
        ERF,
        Flatten(),
        Dense(),
    ],
    "dense after": [
        Conv(3),
        RELU,
        GlobalAvgPool(),
        Dense(bias_std=0.1),
        ERF,
        Dense(),
        Residual([RELU, Dense()]),
    ],
    "no weights": [AvgPool(2), Flatten()],
    "normalized gaussian": [
        Conv(3),
        Act("normalized_gaussian"),
        AvgPool(2),
        Conv(2),
        Act("normalized_gaussian"),
        GlobalAvgPool(),
        Dense(),
    ],
}
LINE = {
    "gap": [Conv(3), RELU, AvgPool(2), Conv((4,)), RELU, GlobalAvgPool(), Dense()],
    "flatten": [
        Conv(3, strides=2, bias_std=0.1),
        ERF,
        Conv(3, padding="circular"),
        ERF,
        Flatten(),
        Dense(),
    ],
    "residual": [Conv(2), Residual([ERF, Conv(3)]), AvgPool(3, 2, "same"), RELU, GlobalAvgPool(), Dense()],
}
