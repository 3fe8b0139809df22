"""Ridge classification on more rows than memory holds."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ..errors import DualactError
from .dask_arrays import is_dask, map_rows
from .parameters import check_weights
from .ridge_statistics import RidgeStatistics
from .streaming import DEFAULT_ALPHAS, StreamingBase

__all__ = ["StreamingRidgeClassifier"]


class StreamingRidgeClassifier(LinearClassifierMixin, StreamingBase):  # type: ignore[misc]
    """Classification by ridge regression on targets of ±1, from sums over rows.

    A class that is first seen late was −1 on all earlier rows; its column is added exactly.

    Parameters
    ----------
    alphas, fit_intercept, selection, precision
        As of :class:`StreamingRidge`; the scores are sums over the classes.
    class_weight : dict, "balanced" or None
        Weights of classes; those that a dict leaves out have 1. "balanced" gives a class of n_c among n rows
        and k classes the weight n/(k n_c), rows counted by their weights: it needs all labels at once, so it
        is for ``fit`` alone.

    Attributes
    ----------
    classes_ : (k,) array
    coef_ : (1, m) or (k, m) array
        One row for two classes.
    intercept_ : (1,) or (k,) array
    alpha_, scores_, degrees_of_freedom_, statistics_, held_out_, n_features_in_, feature_names_in_
        As of :class:`StreamingRidge`.

    Examples
    --------
    >>> import dualact as da
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=False)
    >>> model = da.StreamingRidgeClassifier()
    >>> for rows in (slice(0, 60), slice(60, 150)):  # the third class comes with the second chunk
    ...     model = model.partial_fit(X[rows], y[rows])
    >>> whole = da.StreamingRidgeClassifier().fit(X, y)
    >>> model.classes_.tolist(), bool((model.predict(X) == whole.predict(X)).all())
    ([0, 1, 2], True)
    """

    _memory = ("classes_",)
    classes_: NDArray[Any]
    _y_numeric = False

    def __init__(
        self,
        alphas: Any = DEFAULT_ALPHAS,
        fit_intercept: bool = True,
        selection: str = "gcv",
        precision: str = "float64",
        class_weight: Any = None,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.selection = selection
        self.precision = precision
        self.class_weight = class_weight

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
        residual_variance: Any = None,
        holdout: bool | None = None,
    ) -> Any:
        """Add a chunk of rows; the coefficients are worked out when they are next asked for.

        Parameters
        ----------
        X, y, sample_weight, residual_variance, holdout
            As of :meth:`StreamingRidge.partial_fit`.
        classes : array, optional
            Classes to be known from now on, whether or not a row of theirs has come. Others are added when
            they are first seen, so this may be left out.

        Returns
        -------
        self
        """
        self._check_streaming()
        if classes is not None:
            classes = column_or_1d(classes)
            self._check_labels(classes)
            known = getattr(self, "classes_", classes)
            y = column_or_1d(y, warn=True)
            self._check_labels(y, classes)
            result = self._add(X, y, sample_weight, residual_variance, holdout)
            self._grow(np.union1d(known, classes))
            return result
        return self._add(X, y, sample_weight, residual_variance, holdout)

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Coefficients, (1, m) or (k, m)."""
        return self._columns(self._solution().coef)

    @property
    def intercept_(self) -> NDArray[np.float64]:
        """Intercepts, (1,) or (k,)."""
        return self._columns(self._solution().intercept)

    def _columns(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of two classes the second one's; of one class none's, which is −1 everywhere."""
        return rows if len(rows) > 2 else rows[1:] if len(rows) == 2 else -rows

    def decision_function(self, X: Any) -> Any:
        """Return the score of each class; of two, that of the second.

        Parameters
        ----------
        X : (n, m) array, CSR matrix, data frame or dask array

        Returns
        -------
        (n,) or (n, k) array
        """
        check_is_fitted(self)
        if not is_dask(X):
            return super().decision_function(X)
        coef, intercept = self.coef_, self.intercept_
        if len(coef) == 1:
            return map_rows(self, X, lambda rows: rows @ coef[0] + intercept[0], None, np.float64)
        return map_rows(self, X, lambda rows: rows @ coef.T + intercept, len(coef), np.float64)

    def predict(self, X: Any) -> Any:
        """Return the class of the highest score.

        Parameters
        ----------
        X : (n, m) array, CSR matrix, data frame or dask array

        Returns
        -------
        (n,) array
        """
        check_is_fitted(self)
        if not is_dask(X):
            return super().predict(X)
        coef, intercept, classes = self.coef_, self.intercept_, self.classes_

        def label(rows: Any) -> Any:
            scores = rows @ coef.T + intercept
            return classes[scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)]

        return map_rows(self, X, label, None, classes.dtype)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, residual_variance: Any = None) -> Any:
        """Fit on these rows, and on no others.

        Parameters
        ----------
        X, sample_weight, residual_variance
            As of :meth:`StreamingRidge.fit`.
        y : (n,) array of labels

        Returns
        -------
        self
        """
        self._class_weights: dict[Any, float] = {}
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            if is_dask(X):
                self._check_streaming()
            labels = column_or_1d(y, warn=True)
            counted = None
            if sample_weight is not None:
                counted = check_weights(sample_weight, len(labels))
            present, places = np.unique(labels, return_inverse=True)
            counts = np.bincount(places, weights=counted)
            shares = counts.sum() / (np.count_nonzero(counts) * np.where(counts > 0, counts, 1.0))
            self._class_weights = dict(zip(present.tolist(), shares.tolist(), strict=True))
        return super().fit(X, y, sample_weight, residual_variance)

    def _check_streaming(self) -> None:
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            raise DualactError(
                "StreamingRidgeClassifier: class_weight='balanced' needs all labels at once, so it is for "
                "fit on data in memory. For chunks give a dict of weights, from "
                "sklearn.utils.class_weight.compute_class_weight('balanced', classes=classes, y=labels)."
            )
        self._class_weights = {}

    def _check_parameters(self) -> None:
        super()._check_parameters()
        weights = self.class_weight
        if isinstance(weights, Mapping):
            if all(isinstance(w, Real) and 0 <= float(w) < np.inf for w in weights.values()):
                return
        elif weights is None or (isinstance(weights, str) and weights == "balanced"):
            return
        raise DualactError(
            "The 'class_weight' parameter of StreamingRidgeClassifier must be None, 'balanced' or a dict of "
            f"non-negative numbers. Got {weights!r} instead."
        )

    def _check_labels(self, *arrays: NDArray[Any]) -> None:
        """Refuse words beside numbers: they have no order."""
        known = [self.classes_] if hasattr(self, "classes_") else []
        kinds = {"a number" if np.asarray(a).dtype.kind in "biuf" else "text" for a in (*known, *arrays)}
        if len(kinds) > 1:
            raise DualactError(
                f"StreamingRidgeClassifier: labels are {np.asarray(arrays[0]).dtype} here, and "
                f"{np.asarray([*known, *arrays[1:]][0]).dtype} elsewhere. Give all chunks labels of one kind."
            )

    def _targets(
        self, y: NDArray[Any], weights: NDArray[Any] | None
    ) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        self._check_labels(labels)
        present, places = np.unique(labels, return_inverse=True)
        factors = self._class_weights or self.class_weight
        if isinstance(factors, Mapping):
            shares = np.array([float(factors.get(label, 1.0)) for label in present.tolist()])[places]
            weights = shares if weights is None else weights * shares
        if hasattr(self, "statistics_"):
            self._grow(np.union1d(self.classes_, present))
        else:
            self.classes_ = present
        columns = np.full((len(labels), len(self.classes_)), -1.0)
        columns[np.arange(len(labels)), np.searchsorted(self.classes_, present)[places]] = 1.0
        return columns, weights

    def _grow(self, classes: NDArray[Any]) -> None:
        """Add the columns of classes that no row has had so far."""
        if len(classes) > len(self.classes_):
            self.statistics_ = _grown(self.statistics_, self.classes_, classes)
            self.held_out_ = _grown(self.held_out_, self.classes_, classes)
            self.classes_ = classes
            self._cache.clear()

    def _align(self, other: Any) -> tuple[RidgeStatistics, RidgeStatistics]:
        classes = np.union1d(self.classes_, other.classes_)
        self._grow(classes)
        return (
            _grown(other.statistics_, other.classes_, classes),
            _grown(other.held_out_, other.classes_, classes),
        )

    def _start_like(self, other: Any) -> None:
        super()._start_like(other)
        self.classes_ = other.classes_
        self._class_weights = {}

    def _compare(self, other: Any) -> None:
        for one in (self, other):
            if isinstance(one.class_weight, str):
                one._check_streaming()
        if (self.class_weight or None) != (other.class_weight or None):
            raise DualactError(
                "StreamingRidgeClassifier.merge: the two estimators differ in class_weight: "
                f"{self.class_weight} here, {other.class_weight} there; nothing was merged."
            )
        self._check_labels(other.classes_)
        super()._compare(other)

    def _y_shape(self) -> Any:
        return "(n,)"


def _grown(statistics: RidgeStatistics, known: NDArray[Any], classes: NDArray[Any]) -> RidgeStatistics:
    """Statistics with a column for each of the classes, −1 throughout for those not known."""
    for place, label in enumerate(classes):
        if label not in known:
            statistics = statistics.with_target(place, -1.0)
    return statistics
