"""Neural kernels (NNGP, NTK) with any activation: exact matrices and sketched feature maps.

Names are loaded when they are first used, so that ``import dualact`` costs nothing.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Activation": "nonlinearity.contract",
    "activation": "nonlinearity.catalog",
    "activations": "nonlinearity.catalog",
    "register": "nonlinearity.catalog",
    "unregister": "nonlinearity.catalog",
    "from_function": "nonlinearity.functions",
    "from_expression": "nonlinearity.symbolic.expressions",
    "from_kernel_series": "nonlinearity.inverse",
    "dual": "nonlinearity.duals",
    "dual_prime": "nonlinearity.duals",
    "hermite": "nonlinearity.coefficients",
    "Network": "network.spec",
    "Dense": "network.layers",
    "Act": "network.layers",
    "Conv": "network.layers",
    "AvgPool": "network.layers",
    "GlobalAvgPool": "network.layers",
    "Flatten": "network.layers",
    "LayerNorm": "network.layers",
    "Residual": "network.layers",
    "mlp": "network.architectures",
    "cnn": "network.architectures",
    "myrtle": "network.architectures",
    "kernel": "exact.matrices",
    "kernel_diag": "exact.matrices",
    "plan": "learn.overview",
    "SketchedNeuralKernel": "learn.sketched",
    "PolynomialSketch": "learn.polynomial",
    "ExactNeuralKernel": "learn.exact",
    "ChannelStandardizer": "learn.images",
    "ImageNormalizer": "learn.images",
    "ZCAWhitening": "learn.images",
    "NeuralKernel": "learn.gaussian_process",
    "GradientFlowRegressor": "learn.gradient_flow",
    "StreamingRidge": "learn.streaming_ridge",
    "StreamingRidgeClassifier": "learn.streaming_classifier",
    "chunks": "learn.streams",
    "DualDisplay": "plotting",
    "SketchErrorDisplay": "plotting",
    "AccuracyWarning": "errors",
    "CheckpointError": "errors",
    "DualactError": "errors",
    "NetworkError": "errors",
    "PluginError": "errors",
    "PluginWarning": "errors",
    "UnknownActivationError": "errors",
}
_MODULES = ("errors", "metrics", "testing")

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        near = difflib.get_close_matches(name, __all__, cutoff=0.7)
        hint = f". Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from . import errors, metrics, testing
    from .errors import (
        AccuracyWarning,
        CheckpointError,
        DualactError,
        NetworkError,
        PluginError,
        PluginWarning,
        UnknownActivationError,
    )
    from .exact.matrices import kernel, kernel_diag
    from .learn.exact import ExactNeuralKernel
    from .learn.gaussian_process import NeuralKernel
    from .learn.gradient_flow import GradientFlowRegressor
    from .learn.images import ChannelStandardizer, ImageNormalizer, ZCAWhitening
    from .learn.overview import plan
    from .learn.polynomial import PolynomialSketch
    from .learn.sketched import SketchedNeuralKernel
    from .learn.streaming_classifier import StreamingRidgeClassifier
    from .learn.streaming_ridge import StreamingRidge
    from .learn.streams import chunks
    from .network.architectures import cnn, mlp, myrtle
    from .network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Residual
    from .network.spec import Network
    from .nonlinearity.catalog import activation, activations, register, unregister
    from .nonlinearity.coefficients import hermite
    from .nonlinearity.contract import Activation
    from .nonlinearity.duals import dual, dual_prime
    from .nonlinearity.functions import from_function
    from .nonlinearity.inverse import from_kernel_series
    from .nonlinearity.symbolic.expressions import from_expression
    from .plotting import DualDisplay, SketchErrorDisplay
