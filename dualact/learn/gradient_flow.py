"""Infinitely wide networks in training: the linear dynamics of the tangent kernel, as a regressor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..errors import DualactError
from ..exact.matrices import kernel, kernel_diag
from ..exact.running import safe_blas
from ..network.planning import check
from ..network.spec import Network
from ..nonlinearity.contract import Array
from .parameters import (
    NetworkParameter,
    check_at_least_zero,
    check_choice,
    check_jobs,
    network_of,
    seed_of,
    validated,
)
from .sketched import SketchedNeuralKernel

__all__ = ["GradientFlowRegressor"]

_ROWS = 4096  # rows of features at once


class GradientFlowRegressor(
    NetworkParameter,
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """An infinitely wide network trained by gradient flow for a time, or to convergence.

    Gradient flow on (Σᵢ|f(xᵢ) − yᵢ|² + α|ω − ω₀|²)/2n, from weights ω₀ drawn at random, makes the outputs of
    wide networks a Gaussian process at every time t. With the tangent kernel Θ, the covariance K at
    initialisation and A = Θ(x, X)·(1 − e^{−(Θ+α)t/n})(Θ + α)⁻¹:

        mean(x) = A·y
        cov(x, x′) = K(x, x′) − A·K(X, x′) − K(x, X)·A′ᵀ + A·K(X, X)·A′ᵀ

    Parameters
    ----------
    network : Network, dict or None
        None stands for ``mlp(2, "relu", weight_std=2**0.5)``.
    kind : {"ntk", "nngp"}, default "ntk"
        "ntk": all weights are trained. "nngp": those of the last layer alone; then Θ = K, and training to
        convergence gives the posterior of a Gaussian process.
    time : float, default inf
        How long to train, in units of 1/learning rate. A component of Θ of eigenvalue λ is learnt at rate
        (λ + alpha)/n, so a finite time is a regularisation (early stopping).
    alpha : float, default 0.0
        Penalty on the distance that the weights move. With time=inf and alpha > 0 the mean is that of kernel
        ridge regression.
    n_components : int or None
        None takes exact kernels (memory n²). A number takes that many features of
        :class:`SketchedNeuralKernel`, and as many for K where kind="ntk": linear in n.
    random_state : int, RandomState or None
        Of the features.
    n_jobs : int or None
        Threads; None means one per usable core.

    Attributes
    ----------
    eigenvalues_ : (n,) or (n_components,) array
        Of Θ(X, X), ascending; those within rounding of zero are zero.
    eigenvectors_ : square array
    X_fit_ : (n, d) array or CSR matrix
        The training rows, for exact kernels.
    features_, prior_features_ : SketchedNeuralKernel
        The features of Θ and of K, where there are features.
    n_features_in_ : int

    Notes
    -----
    The mean starts at 0: centre y. Standard deviations are those of networks over their initialisation, in
    the units of K, whatever the scale of y. The loss is a mean over rows, so that times mean the same for
    any n. Where Θ is singular and alpha is 0, directions of eigenvalue zero are never learnt.

    References
    ----------
    Lee, Xiao, Schoenholz, Bahri, Novak, Sohl-Dickstein, Pennington, "Wide neural networks of any depth evolve
    as linear models under gradient descent", NeurIPS 2019, eqs. 14-16. Jacot, Gabriel, Hongler, "Neural
    tangent kernel", NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> X = np.linspace(-1, 1, 15)[:, None]
    >>> y = np.sin(3 * X[:, 0])
    >>> network = da.mlp(2, "erf", weight_std=1.5, bias_std=0.3)
    >>> model = da.GradientFlowRegressor(network, time=1e4).fit(X, y)
    >>> mean, std = model.predict([[0.52], [2.0]], return_std=True)
    >>> bool(abs(mean[0] - np.sin(1.56)) < 0.01), bool(std[0] < 0.1 < std[1])
    (True, True)
    >>> errors = np.abs(model.predict_at(X, [1, 100, 10000]) - y).max(axis=1)
    >>> bool(errors[0] > 2 * errors[1] > 4 * errors[2])
    True
    """

    def __init__(
        self,
        network: Network | Mapping[str, Any] | None = None,
        kind: str = "ntk",
        time: float = math.inf,
        alpha: float = 0.0,
        n_components: int | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.network = network
        self.kind = kind
        self.time = time
        self.alpha = alpha
        self.n_components = n_components
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> GradientFlowRegressor:
        """Diagonalise the tangent kernel of the training rows; every time is then at hand.

        Parameters
        ----------
        X : (n, d) array, CSR matrix or data frame
        y : (n,) or (n, n_outputs) array

        Returns
        -------
        self

        Raises
        ------
        NetworkError
            If the network is ill-defined for this kind, or does not fit X.
        DualactError
            If a parameter is out of range.
        """
        name = type(self).__name__
        check_choice(name, "kind", self.kind, ("ntk", "nngp"))
        check_jobs(name, self.n_jobs)
        check_at_least_zero(name, "time", self.time, infinite=True)
        check_at_least_zero(name, "alpha", self.alpha)
        X, y = validated(self, X, y, accept_sparse="csr", dtype=np.float64, multi_output=True, y_numeric=True)
        y = np.asarray(y, dtype=np.float64)
        network = network_of(self.network)
        check(network, self.kind, n_features=X.shape[1])
        self._n_rows = X.shape[0]
        for stale in ("X_fit_", "features_", "prior_features_", "_cross"):
            self.__dict__.pop(stale, None)
        cross: Array | None = None
        if self.n_components is None:
            self.X_fit_ = X
            gram, target = kernel(network, X, kind=self.kind, n_jobs=self.n_jobs), y
        else:
            gram, target, cross = self._statistics(X, y, self.n_components)
        with safe_blas(len(gram)):
            values, vectors = eigh(gram)
        floor = len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
        self.eigenvalues_: Array = np.where(values > floor, values, 0.0)
        self.eigenvectors_: Array = vectors
        self._projected = vectors.T @ target
        if cross is not None:
            self._cross = cross @ vectors
        return self

    def predict(self, X: Any, return_std: bool = False, return_cov: bool = False) -> Any:
        """Return the mean over initialisations, and their standard deviation or covariance.

        Parameters
        ----------
        X : (m, d) array, CSR matrix or data frame
        return_std : bool, default False
        return_cov : bool, default False

        Returns
        -------
        mean : (m,) or (m, n_outputs) array
        std : (m,) array
            If asked for; the same for every output.
        cov : (m, m) array
            If asked for.

        Raises
        ------
        DualactError
            If both are asked for.
        """
        if return_std and return_cov:
            raise DualactError("predict returns one of std and cov; ask for one of them.")
        rows, X = self._rows_of(X)
        share = self._share(self.time)
        mean = rows @ (share * self._projected.T).T
        if return_std:
            return mean, np.sqrt(self._covariance(rows, X, share, diagonal=True))
        if return_cov:
            return mean, self._covariance(rows, X, share, diagonal=False)
        return mean

    def predict_at(self, X: Any, times: Iterable[float]) -> Array:
        """Return the means at several times, from the one fit.

        Parameters
        ----------
        X : (m, d) array, CSR matrix or data frame
        times : iterable of float

        Returns
        -------
        (n_times, m) or (n_times, m, n_outputs) array

        Raises
        ------
        DualactError
            If a time is negative or not a number.
        """
        rows, _ = self._rows_of(X)
        times = list(times)
        for time in times:
            check_at_least_zero(type(self).__name__, "times", time, infinite=True)
        means = [rows @ (self._share(float(time)) * self._projected.T).T for time in times]
        return np.array(means).reshape(len(times), len(rows), *self._projected.shape[1:])

    def _rows_of(self, X: Any) -> tuple[Array, Any]:
        """Return the rows of X in the eigenbasis of Θ, and X validated."""
        check_is_fitted(self)
        X = validated(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        if hasattr(self, "features_"):
            found = self.features_.transform(X)
        else:
            found = kernel(network_of(self.network), X, self.X_fit_, self.kind, n_jobs=self.n_jobs)
        rows: Array = found @ self.eigenvectors_
        return rows, X

    def _share(self, time: float) -> Array:
        """(1 − e^{−(λ+α)t/n})/(λ + α); 0 for directions that are never learnt."""
        rate = self.eigenvalues_ + self.alpha
        tau = time / self._n_rows
        moving = rate > 0
        rest = 0.0 if math.isinf(tau) else tau
        with np.errstate(over="ignore"):
            share: Array = -np.expm1(-np.where(moving, rate, 1.0) * tau) / np.where(moving, rate, 1.0)
        found: Array = np.where(moving, share, rest)
        return found

    def _covariance(self, rows: Array, X: Any, share: Array, diagonal: bool) -> Array:
        rows = rows * share
        if hasattr(self, "features_"):
            rest = self.prior_features_.transform(X) - rows @ self._cross.T
            square: Array = (rest**2).sum(axis=1) if diagonal else rest @ rest.T
            return square
        network = network_of(self.network)
        smoother = rows @ self.eigenvectors_.T
        against = kernel(network, X, self.X_fit_, "nngp", n_jobs=self.n_jobs)
        if self.kind == "nngp":
            moved = (rows * self.eigenvalues_) @ self.eigenvectors_.T
        else:
            moved = smoother @ kernel(network, self.X_fit_, kind="nngp", n_jobs=self.n_jobs)
        if diagonal:
            variance: Array = kernel_diag(network, X, "nngp") + (smoother * (moved - 2 * against)).sum(axis=1)
            return variance.clip(min=0.0)
        cross = smoother @ against.T
        cov: Array = (
            kernel(network, X, kind="nngp", n_jobs=self.n_jobs) + moved @ smoother.T - cross - cross.T
        )
        return (cov + cov.T) / 2

    def _statistics(self, X: Any, y: Array, m: int) -> tuple[Array, Array, Array]:
        """ZᵀZ, Zᵀy and Z_KᵀZ in one pass over the rows."""
        seed = seed_of(self.random_state)
        self.features_ = self._feature_map(self.kind, m, seed).fit(X)
        trained_last = self.kind == "nngp"  # then both maps are one
        self.prior_features_ = self.features_ if trained_last else self._feature_map("nngp", m, seed).fit(X)
        gram, cross, target = np.zeros((m, m)), np.zeros((m, m)), np.zeros((m, *y.shape[1:]))
        for i in range(0, X.shape[0], _ROWS):
            some = slice(i, i + _ROWS)
            Z = self.features_.transform(X[some])
            gram += Z.T @ Z
            target += Z.T @ y[some]
            if not trained_last:
                cross += self.prior_features_.transform(X[some]).T @ Z
        return gram, target, gram if trained_last else cross

    def _feature_map(self, kind: str, m: int, seed: int) -> SketchedNeuralKernel:
        return SketchedNeuralKernel(self.network, kind, n_components=m, random_state=seed, n_jobs=self.n_jobs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
