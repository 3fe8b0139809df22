"""scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import dualact as da

ESTIMATORS = [
    da.SketchedNeuralKernel(n_components=16),
    da.SketchedNeuralKernel(da.mlp(1, "gelu", bias_std=0.1), kind="nngp", n_components=3),
    da.SketchedNeuralKernel(n_components=32, method="random"),
    da.SketchedNeuralKernel(da.mlp(1, "gelu"), kind="nngp", n_components=8, method="random", random_state=0),
    da.SketchedNeuralKernel(n_components=16, method="monomials"),
    da.SketchedNeuralKernel(da.mlp(1, "gelu", bias_std=0.1), kind="nngp", n_components=3, method="monomials"),
    da.ExactNeuralKernel(),
    da.ChannelStandardizer(),
    da.ImageNormalizer(),
    da.ZCAWhitening(),
    da.GradientFlowRegressor(time=1e3),
    da.GradientFlowRegressor(kind="nngp", alpha=1e-3, n_components=16, random_state=0),
    da.StreamingRidge(),
    da.StreamingRidge(alphas=1.0, fit_intercept=False),
    da.StreamingRidgeClassifier(),
    da.StreamingRidgeClassifier(alphas=(0.1, 1.0), class_weight={0: 2.0}),
    da.PolynomialSketch(),
    da.PolynomialSketch(degree=3, coef0=1.0, n_components=4),
    da.GradientFlowRegressor(alpha=1e-3, n_components=32, random_state=0),
]


# Array API input is checked only where the environment asks for it.
@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
@parametrize_with_checks(ESTIMATORS)
def test_checks(estimator, check):
    check(estimator)
