"""The closed-form members that the registry tests run over, with their textbook formulas."""

import textbook

from dualact.registry import (
    erf,
    exponential,
    gabor,
    gaussian,
    gelu,
    normalized_gaussian,
    polynomial,
    rectified,
    rectified_power,
    sign,
    snake,
    trigonometric,
)

SMALL = (1e-8, 1e-4, 0.3, 1.0, 7.3, 100.0)

# label -> (activation, textbook (dual, dual_prime), variances at which it is conditioned)
MEMBERS = {
    "relu": (rectified.relu(), textbook.ab_relu(0, 1), textbook.VARIANCES),
    "leaky_relu": (rectified.leaky_relu(), textbook.ab_relu(0.01, 1), textbook.VARIANCES),
    "abs": (rectified.absolute(), textbook.ab_relu(-1, 1), textbook.VARIANCES),
    "ab_relu(-.3,2)": (rectified.ab_relu(-0.3, 2.0), textbook.ab_relu(-0.3, 2.0), textbook.VARIANCES),
    "sign": (sign.sign(), textbook.sign(), textbook.VARIANCES),
    "step": (sign.step(), textbook.step(), textbook.VARIANCES),
    "rectified_power(0)": (rectified_power.rectified_power(0), textbook.step(), textbook.VARIANCES),
    **{
        f"rectified_power({n})": (
            rectified_power.rectified_power(n),
            textbook.rectified_power(n),
            textbook.VARIANCES,
        )
        for n in (1, 2, 3, 7)
    },
    "erf": (erf.erf(), textbook.erf(), textbook.VARIANCES),
    "sigmoid_erf": (erf.sigmoid_erf(), textbook.sigmoid_erf(2.4020563531719796), textbook.VARIANCES),
    "gelu": (gelu.gelu(), textbook.gelu(), textbook.VARIANCES),
    "sin": (trigonometric.sin(), textbook.sin(1, 1, 0), textbook.VARIANCES),
    "sin(2,.5,.7)": (trigonometric.sin(2.0, 0.5, 0.7), textbook.sin(2, 0.5, 0.7), textbook.VARIANCES),
    "cos": (trigonometric.cos(), textbook.cos(1, 1, 0), textbook.VARIANCES),
    "rbf": (trigonometric.rbf(0.5), textbook.rbf(0.5), textbook.VARIANCES),
    "exp": (exponential.exp(), textbook.exp(1, 1), SMALL),
    "exp(2,-.5)": (exponential.exp(2.0, -0.5), textbook.exp(2, -0.5), SMALL),
    "gaussian": (gaussian.gaussian(), textbook.gaussian(1, -0.5), textbook.VARIANCES),
    "gaussian(1,.1)": (gaussian.gaussian(1.0, 0.1), textbook.gaussian(1, 0.1), (1e-8, 1e-4, 0.3, 1.0, 2.0)),
    "gabor": (gabor.gabor(), textbook.gabor(), textbook.VARIANCES),
    "normalized_gaussian": (
        normalized_gaussian.normalized_gaussian(),
        textbook.normalized_gaussian(1),
        textbook.VARIANCES,
    ),
    "snake": (snake.snake(), textbook.snake(1), textbook.VARIANCES),
    "snake(.3)": (snake.snake(0.3), textbook.snake(0.3), textbook.VARIANCES),
    "identity": (polynomial.identity(), textbook.polynomial([0, 1]), textbook.VARIANCES),
    "monomial(0)": (polynomial.monomial(0), textbook.polynomial([1]), textbook.VARIANCES),
    "monomial(3)": (polynomial.monomial(3), textbook.polynomial([0, 0, 0, 1]), textbook.VARIANCES),
    "monomial(8)": (polynomial.monomial(8), textbook.polynomial([0] * 8 + [1]), textbook.VARIANCES),
    "polynomial": (
        polynomial.polynomial([0.5, -1.0, 0.25, 2.0]),
        textbook.polynomial([0.5, -1.0, 0.25, 2.0]),
        textbook.VARIANCES,
    ),
    "hermite(5)": (polynomial.hermite(5), textbook.hermite(5), textbook.VARIANCES),
    "hermite(9)": (polynomial.hermite(9), textbook.hermite(9), (1e-8, 0.3, 1.0, 7.3, 1e4)),
}
