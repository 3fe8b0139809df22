"""Ridge regression on more rows than memory holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..errors import DualactError
from .dask_arrays import is_dask, map_rows
from .parameters import validated
from .streaming import DEFAULT_ALPHAS, StreamingBase

__all__ = ["StreamingRidge"]


class StreamingRidge(MultiOutputMixin, RegressorMixin, StreamingBase):  # type: ignore[misc]
    """Ridge regression from sums over rows: in chunks, in parts that are merged, or in one piece.

    Minimised is Σ w |y − zβ − b|² + α|β|², as by scikit-learn's Ridge, for every alpha at once.

    Parameters
    ----------
    alphas : float or sequence of floats, default (1e-8, 1e-7, …, 100)
        Ridges to choose from, as Ridge counts them: they add to the eigenvalues of Σ w zzᵀ, and so are to be
        seen against the trace of that over its size. One number is taken as it is.
    fit_intercept : bool, default True
    selection : {"gcv", "holdout"}, default "gcv"
        How alpha is chosen: by generalised cross-validation, where a row of weight w counts as w rows; or by
        the error on rows held out (every tenth, or the chunks that you name), and then fitted on all rows.
    precision : {"float64", "mixed"}, default "float64"
        Of the products of features. "mixed" multiplies in float32 and sums in float64: up to twice as fast,
        with errors of up to 2e-7 of the largest eigenvalue; eigenvalues below 1e-6 of it count as zero.

    Attributes
    ----------
    coef_ : (m,) or (t, m) array
    intercept_ : float or (t,) array
    alpha_ : float
    scores_, degrees_of_freedom_ : (k,) arrays
        Of each alpha.
    statistics_, held_out_ : RidgeStatistics
        All that is kept of the rows.
    n_features_in_ : int
    feature_names_in_ : array of str

    Notes
    -----
    For m features memory is 8m² bytes for the sums, and four times that again while a path of alphas is
    solved. A row costs m² operations, a path one eigendecomposition, a single alpha one Cholesky factor.
    Predictions agree with Ridge to 1e-10 of their size for alpha ≥ 1e-6 · trace/m (measured on 1500 features
    of digits: 5e-13).

    A Bayesian reading: with the kernel ⟨z, z′⟩, noise of variance alpha and a flat prior on the intercept,
    predictions are the posterior mean of a Gaussian process, and ``predict(Z, return_std=True)`` gives its
    posterior standard deviation. On features of the NNGP that is the posterior of a wide network.

    References
    ----------
    Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", 1979.

    Examples
    --------
    >>> import dualact as da
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> whole = da.StreamingRidge().fit(X, y)
    >>> parts = da.StreamingRidge().partial_fit(X[:200], y[:200])
    >>> parts = parts.merge(da.StreamingRidge().partial_fit(X[200:], y[200:]))
    >>> whole.alpha_ == parts.alpha_, bool(abs(whole.predict(X) - parts.predict(X)).max() < 1e-9)
    (True, True)
    """

    _memory = ("_one_output",)
    _one_output: bool

    def __init__(
        self,
        alphas: Any = DEFAULT_ALPHAS,
        fit_intercept: bool = True,
        selection: str = "gcv",
        precision: str = "float64",
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.selection = selection
        self.precision = precision

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Coefficients, (m,) or (t, m)."""
        coef = self._solution().coef
        return coef[0] if self._one_output else coef

    @property
    def intercept_(self) -> Any:
        """Intercept, a float or (t,)."""
        intercept = self._solution().intercept
        return float(intercept[0]) if self._one_output else intercept

    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        residual_variance: Any = None,
        holdout: bool | None = None,
    ) -> Any:
        """Add a chunk of rows; the coefficients are worked out when they are next asked for.

        Parameters
        ----------
        X, y, sample_weight, residual_variance
            As of :meth:`fit`.
        holdout : bool, optional
            For ``selection="holdout"``: whether the chunk serves to choose alpha (True) or to fit (False).
            Left out, every tenth row does, in order of arrival.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the chunk is not finite two-dimensional data of the width of the earlier ones, in
            scikit-learn's words. Nothing of it has been added then.
        """
        return self._add(X, y, sample_weight, residual_variance, holdout)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return predictions.

        Parameters
        ----------
        X : (n, m) array, CSR matrix, data frame or dask array
        return_std : bool, default False
            Also return the posterior standard deviation of the function, without noise.

        Returns
        -------
        (n,) or (n, t) array, or a pair of them
            Dask arrays for a dask array.
        """
        check_is_fitted(self)
        if is_dask(X):
            return self._predict_blocks(X, return_std)
        X = validated(self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32])
        mean = np.asarray(X @ self.coef_.T + self.intercept_)
        if not return_std:
            return mean
        variance = self._posterior().variance(X.toarray() if hasattr(X, "toarray") else X)
        deviation = np.sqrt(variance)
        return mean, deviation if mean.ndim == 1 else np.repeat(deviation[:, None], mean.shape[1], axis=1)

    def _predict_blocks(self, X: Any, return_std: bool) -> Any:
        if return_std:
            raise DualactError(
                "StreamingRidge.predict(return_std=True) takes no dask array. Use "
                "X.map_blocks(lambda rows: model.predict(rows, return_std=True)[1], drop_axis=1)."
            )
        coef, intercept = self.coef_, self.intercept_
        return map_rows(
            self, X, lambda rows: rows @ coef.T + intercept, None if coef.ndim == 1 else len(coef), np.float64
        )

    def _targets(
        self, y: NDArray[Any], weights: NDArray[Any] | None
    ) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
        columns = np.asarray(y, dtype=np.float64)
        one = columns.ndim == 1
        columns = columns.reshape(len(columns), -1)
        if hasattr(self, "statistics_"):
            known = (self._one_output, self.statistics_.n_targets)
            if known != (one, columns.shape[1]):
                raise DualactError(
                    f"StreamingRidge: y has shape {y.shape}; the y of earlier chunks was "
                    + ("one-dimensional." if known[0] else f"two-dimensional with {known[1]} columns.")
                )
        else:
            self._one_output = one
        return columns, weights

    def _start_like(self, other: Any) -> None:
        super()._start_like(other)
        self._one_output = other._one_output

    def _y_shape(self) -> Any:
        return "(n,)" if self._one_output else f"(n, {self.statistics_.n_targets})"
