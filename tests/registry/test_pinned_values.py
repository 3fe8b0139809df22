"""Listed values pin the conventions: normalised probabilists' Hermite basis, covariances, parameters.

The coefficients come from quadrature, the duals from the textbook formulas in 80 digits.
"""

import math
from importlib.metadata import entry_points

import numpy as np
import pytest

from dualact.nonlinearity.contract import Activation
from dualact.testing.reference import reference_hermite

# a_0 … a_5 at unit variance, default parameters
COEFFICIENTS = {
    "ab_relu": (0.3989422804, 0.5, 0.2820947918, 0.0, -0.081433752, 0.0),
    "abs": (0.7978845608, 0.0, 0.5641895835, 0.0, -0.162867504, 0.0),
    "arctan": (0.0, 0.6556795424, 0.0, -0.1271118141, 0.0, 0.0508282356),
    "cos": (0.6065306597, 0.0, -0.4288819425, 0.0, 0.1238075525, 0.0),
    "erf": (0.0, 0.6514700159, 0.0, -0.1773076802, 0.0, 0.0792944052),
    "exp": (1.6487212707, 1.6487212707, 1.1658219908, 0.6730876402, 0.3365438201, 0.1505069718),
    "gabor": (0.0, 0.1629054839, 0.0, -0.1404013134, 0.0, 0.110340395),
    "gaussian": (0.7071067812, 0.0, -0.25, 0.0, 0.1082531755, 0.0),
    "gelu": (0.2820947918, 0.5, 0.2992067103, 0.0, -0.0719779478, 0.0),
    "gelu_tanh": (0.2820385881, 0.5, 0.2992366498, 0.0, -0.0719174674, 0.0),
    "hermite": (0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
    "identity": (0.0, 1.0, 0.0, 0.0, 0.0, 0.0),
    "leaky_relu": (0.3949528576, 0.505, 0.2792738439, 0.0, -0.0806194145, 0.0),
    "log_sigmoid": (-0.8060591833, 0.5, -0.1461030849, 0.0, 0.012736629, 0.0),
    "mish": (0.2404038884, 0.5637475573, 0.2704251552, -0.0200713205, -0.052715588, 0.0062400226),
    "monomial": (1.0, 0.0, 1.4142135624, 0.0, 0.0, 0.0),
    "normalized_gaussian": (
        0.6065306597,
        0.6065306597,
        0.4288819425,
        0.2476151049,
        0.1238075525,
        0.0553684207,
    ),
    "polynomial": (0.0, 1.0, 0.0, 0.0, 0.0, 0.0),
    "quick_gelu": (0.2823305528, 0.5, 0.293567313, 0.0, -0.070524131, 0.0),
    "rbf": (0.3678794412, 0.520260095, -0.520260095, -0.4247905888, 0.3003723059, 0.1899721265),
    "rectified_power": (0.5, 0.7978845608, 0.7071067812, 0.3257350079, 0.0, -0.072836562),
    "relu": (0.3989422804, 0.5, 0.2820947918, 0.0, -0.081433752, 0.0),
    "sigmoid": (0.5, 0.2066209641, 0.0, -0.0254732579, 0.0, 0.0058770606),
    "sigmoid_erf": (0.5, 0.2024035173, 0.0, -0.0212695553, 0.0, 0.0036726593),
    "sign": (0.0, 0.7978845608, 0.0, -0.3257350079, 0.0, 0.2185096861),
    "silu": (0.2066209641, 0.5, 0.2480851928, 0.0, -0.0378050088, 0.0),
    "sin": (0.0, 0.6065306597, 0.0, -0.2476151049, 0.0, 0.0553684207),
    "sinc": (0.3982719312, 0.0, -0.2765353538, 0.0, 0.2249976966, 0.0),
    "snake": (0.4323323584, 1.0, 0.191392993, 0.0, -0.2210015921, 0.0),
    "softplus": (0.8060591833, 0.5, 0.1461030849, 0.0, -0.012736629, 0.0),
    "softsign": (0.0, 0.4127551003, 0.0, -0.0937914028, 0.0, 0.0454322163),
    "sparse_plus": (0.4623301083, 0.5, 0.2413671847, 0.0, -0.0493920673, 0.0),
    "sparse_sigmoid": (0.5, 0.3413447461, 0.0, -0.0987841346, 0.0, 0.044177608),
    "squareplus": (1.1093055138, 0.5, 0.1387033028, 0.0, -0.0138051279, 0.0),
    "step": (0.5, 0.3989422804, 0.0, -0.162867504, 0.0, 0.1092548431),
    "swish": (0.2066209641, 0.5, 0.2480851928, 0.0, -0.0378050088, 0.0),
    "tanh": (0.0, 0.6057055096, 0.0, -0.1484371908, 0.0, 0.0625475238),
    "tanhshrink": (0.0, 0.3942944904, 0.0, 0.1484371908, 0.0, -0.0625475238),
}

# (dual, dual_prime) at cov = 0.4, var_u = 0.5, var_v = 0.9
DUALS: dict[str, tuple[float, float | None]] = {
    "ab_relu": (0.226378978112, 0.351678545674),
    "abs": (0.505515912447, 0.406714182697),
    "cos": (0.53684465219, 0.203973568492),
    "erf": (0.21954251554, 0.571701432461),
    "exp": (3.004166023946, 3.004166023946),
    "gabor": (0.028004777632, 0.101675398167),
    "gaussian": (0.60971076085, 0.090663310164),
    "gelu": (0.161892459568, 0.348807763842),
    "hermite": (0.185, 0.8),
    "identity": (0.4, 1.0),
    "leaky_relu": (0.225874036447, 0.354680142615),
    "monomial": (0.77, 1.6),
    "normalized_gaussian": (0.447996860632, 0.667834289387),
    "polynomial": (0.4, 1.0),
    "rbf": (0.548811636094, 1.097623272188),
    "rectified_power": (0.37364155198, 0.905515912447),
    "relu": (0.226378978112, 0.351678545674),
    "sigmoid_erf": (0.267823113509, 0.044744987026),
    "sign": (0.406714182697, None),
    "sin": (0.203973568492, 0.53684465219),
    "snake": (0.555889361629, 1.144458436005),
    "sparse_plus": (0.275754264793, 0.310902385181),
    "sparse_sigmoid": (0.310902385181, 0.158571965442),
    "step": (0.351678545674, None),
}

ENTRY_POINTS = {e.name: e for e in entry_points(group="dualact.activations")}


def _make(name: str) -> Activation:
    provided = ENTRY_POINTS[name].load()
    act = provided if isinstance(provided, Activation) else provided()
    assert isinstance(act, Activation)
    return act


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_first_six_hermite_coefficients(name):
    act = _make(name)
    assert act.name == {"swish": "silu"}.get(name, name)
    if act.hermite is not None:
        got = act.hermite(np.array(1.0), 5)
    else:
        got = np.array([float(a) for a in reference_hermite(act, 1.0, 5)])
    np.testing.assert_allclose(got, COEFFICIENTS[name], rtol=0, atol=6e-11)


@pytest.mark.parametrize("name", DUALS)
def test_dual_and_derivative_dual(name):
    act = _make(name)
    point = tuple(np.array(x) for x in (0.4, 0.5, 0.9))
    for mine, want in zip((act.dual, act.dual_prime), DUALS[name], strict=True):
        if want is None:
            assert mine is None
        else:
            assert abs(float(mine(*point)) - want) < 6e-13


def test_covariances_not_correlations():
    relu = _make("relu")
    # (u, v) with u = v of variance 4: E max(u, 0)² = 2
    assert float(relu.dual(*[np.array(4.0)] * 3)) == 2.0
    assert float(relu.dual_prime(*[np.array(4.0)] * 3)) == 0.5
    np.testing.assert_allclose(relu.hermite(np.array(4.0), 1), [2 / math.sqrt(2 * math.pi), 1.0])


def test_every_closed_form_is_pinned():
    closed = {name for name in COEFFICIENTS if _make(name).dual is not None}
    assert closed == set(DUALS)
    assert set(COEFFICIENTS) <= set(ENTRY_POINTS)
