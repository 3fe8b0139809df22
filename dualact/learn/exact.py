"""The exact kernel against the training rows, for estimators with ``kernel="precomputed"``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..exact.matrices import kernel
from ..network.planning import check
from ..network.spec import Network
from .parameters import NetworkParameter, as_flat_rows, check_choice, check_jobs, network_of, validated

__all__ = ["ExactNeuralKernel"]


class ExactNeuralKernel(
    NetworkParameter,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Transformer X -> K(X, X_fit), to go before an estimator with ``kernel="precomputed"``.

    Parameters
    ----------
    network : Network, dict or None
        None stands for ``mlp(2, "relu", weight_std=2**0.5)``.
    kind : {"ntk", "nngp"}, default "ntk"
    n_jobs : int or None
        Threads; None means one per usable core.

    Attributes
    ----------
    X_fit_ : (n, d) array or CSR matrix
        The training rows; those of a spatial network are flattened.
    input_shape_ : tuple of int
        Shape of one input.
    n_features_in_ : int

    Notes
    -----
    Memory n² and time n²·(d + layers) in the number of training rows; beyond some ten thousand of them
    :class:`SketchedNeuralKernel` is the way.

    Examples
    --------
    >>> import dualact as da
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(da.ExactNeuralKernel(da.mlp(1, "gelu")), SVC(kernel="precomputed"))
    >>> bool(model.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.97)
    True
    """

    def __init__(
        self,
        network: Network | Mapping[str, Any] | None = None,
        kind: str = "ntk",
        n_jobs: int | None = None,
    ) -> None:
        self.network = network
        self.kind = kind
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> ExactNeuralKernel:
        """Keep the training rows.

        Parameters
        ----------
        X : (n, d) array, CSR matrix or data frame
            For a spatial network: (n, H, W, C) or (n, L, C), or flattened rows if it knows its input_shape.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        NetworkError
            If the network is ill-defined for this kind, or does not fit X.
        """
        check_choice(type(self).__name__, "kind", self.kind, ("ntk", "nngp"))
        check_jobs(type(self).__name__, self.n_jobs)
        X, shape = as_flat_rows(X)
        X = validated(self, X, accept_sparse="csr", dtype=np.float64)
        plan = check(network_of(self.network), self.kind, shape, X.shape[1])
        assert plan.input_shape is not None
        self.input_shape_: tuple[int, ...] = plan.input_shape
        self.X_fit_ = X
        self._n_features_out = X.shape[0]
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the kernel between X and the training rows.

        Parameters
        ----------
        X : (m, d) array, CSR matrix or data frame
            Or images or sequences, as in :meth:`fit`.

        Returns
        -------
        (m, n) float64 array
        """
        check_is_fitted(self)
        X, _ = as_flat_rows(X, self.input_shape_)
        X = validated(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        sides = X, self.X_fit_
        if len(self.input_shape_) > 1:
            sides = X.reshape(-1, *self.input_shape_), self.X_fit_.reshape(-1, *self.input_shape_)
        return kernel(network_of(self.network), *sides, self.kind, n_jobs=self.n_jobs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64"]
        return tags
