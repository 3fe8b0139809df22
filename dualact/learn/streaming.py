"""What the streaming ridge estimators share: statistics in, a solution when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..errors import DualactError
from .dask_arrays import fit_blocks, is_dask
from .parameters import check_choice, check_weights, validated
from .ridge_path import (
    Precision,
    RidgeSolution,
    degrees_of_freedom,
    gcv_path,
    holdout_path,
    posterior_precision,
)
from .ridge_statistics import RidgeStatistics, check_range
from .stream_runs import run

__all__ = ["DEFAULT_ALPHAS", "StreamingBase"]

DEFAULT_ALPHAS = tuple(10.0**k for k in range(-8, 3))

_EVERY = 10  # of so many rows one is held out


class StreamingBase(BaseEstimator):  # type: ignore[misc]
    """Rows go into statistics; coefficients are worked out when they are first asked for.

    Subclasses say what the targets of a chunk are (``_targets``) and keep their number in step (``_align``).
    """

    alphas: Any
    fit_intercept: bool
    selection: str
    precision: str
    statistics_: RidgeStatistics
    held_out_: RidgeStatistics
    _cache: dict[str, Any]
    _residual_alpha: float | None

    # -- rows in -----------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, residual_variance: Any = None) -> Any:
        """Fit on these rows, and on no others.

        Parameters
        ----------
        X : (n, m) array, CSR matrix, data frame or dask array
        y : (n,) or (n, t) array
        sample_weight : (n,) array or float, optional
        residual_variance : (n,) array, optional
            Variance rᵢ of what the features leave out of f(xᵢ): a ridge α + rᵢ of its own for each row, that
            is the weight α/(α + rᵢ). Needs a single alpha.

        Returns
        -------
        self
        """
        self._forget()
        if is_dask(X):
            if residual_variance is not None:
                raise DualactError(
                    f"{type(self).__name__}.fit: residual_variance is not taken with dask arrays. Give the "
                    "weights alpha / (alpha + residual_variance) as sample_weight."
                )
            fit_blocks(self, X, y, sample_weight)
        else:
            self._add(X, y, sample_weight, residual_variance, None)
        return self.solve()

    def _add(self, X: Any, y: Any, sample_weight: Any, residual_variance: Any, holdout: bool | None) -> Any:
        self._check_parameters()
        known = hasattr(self, "statistics_")
        X, y = validated(
            self,
            X,
            y,
            reset=not known,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=self._y_numeric,
        )
        weights = self._weights(X, y, sample_weight, residual_variance)
        check_range("X", X)
        targets, weights = self._targets(y, weights)
        check_range("y", targets)
        if not known:
            self._start(X.shape[1], targets.shape[1])
        for kept, statistics in self._shares(X.shape[0], holdout):
            if isinstance(kept, slice):
                statistics.add(X, targets, weights)
            else:
                statistics.add(X[kept], targets[kept], None if weights is None else weights[kept])
        self._cache.clear()
        return self

    def _shares(self, n: int, holdout: bool | None) -> list[tuple[slice | NDArray[np.intp], RidgeStatistics]]:
        """Which rows of a chunk go where."""
        everything = slice(None)
        if self.selection != "holdout":
            if holdout:
                raise DualactError(
                    f"{type(self).__name__}.partial_fit(holdout=True) needs selection='holdout'. "
                    f"Got selection={self.selection!r}."
                )
            return [(everything, self.statistics_)]
        if holdout is not None:
            return [(everything, self.held_out_ if holdout else self.statistics_)]
        seen = self.statistics_.rows + self.held_out_.rows
        out = (np.arange(seen, seen + n) + 1) % _EVERY == 0
        return [(np.flatnonzero(~out), self.statistics_), (np.flatnonzero(out), self.held_out_)]

    def _weights(self, X: Any, y: Any, sample_weight: Any, residual_variance: Any) -> NDArray[Any] | None:
        weights = None
        if sample_weight is not None:
            weights = check_weights(sample_weight, X.shape[0])
        alpha = None
        if residual_variance is not None:
            alpha = self._single_alpha()
            residual = np.asarray(residual_variance, dtype=np.float64)
            if residual.shape != (X.shape[0],) or not np.isfinite(residual).all() or (residual < 0).any():
                raise DualactError(
                    f"{type(self).__name__}: residual_variance must be {X.shape[0]} finite numbers, none "
                    f"negative, one a row of X. Got shape {residual.shape}"
                    + (f", lowest {residual.min():.3g}." if residual.size else ".")
                )
            shrunk = alpha / (alpha + residual)
            weights = shrunk if weights is None else weights * shrunk
        if hasattr(self, "statistics_") and alpha is not None and self._residual_alpha not in (None, alpha):
            raise DualactError(
                f"{type(self).__name__}: earlier rows were weighted by residual_variance at "
                f"alpha={self._residual_alpha:g}, these would be at {alpha:g}. Fit again, with one alpha."
            )
        if alpha is not None:
            self._residual_alpha = alpha
        return weights

    def _single_alpha(self) -> float:
        alphas = self._alpha_grid()
        if len(alphas) > 1:
            raise DualactError(
                f"{type(self).__name__}: residual_variance weights a row by alpha / (alpha + r), so the "
                f"statistics belong to one alpha. Got {len(alphas)} alphas; give one, and search over it by "
                "GridSearchCV."
            )
        return alphas[0]

    def merge(self, other: Any) -> Any:
        """Add the rows that another estimator has seen, as if they had come here; it is left as it was.

        Parameters
        ----------
        other : estimator of the same class, fitted
            Merging is associative and commutative up to rounding. An estimator that has seen no rows is
            its neutral element.

        Returns
        -------
        self

        Raises
        ------
        DualactError
            If the two do not belong together; the message says in what they differ.
        """
        name = type(self).__name__
        if type(other) is not type(self):
            raise DualactError(f"{name}.merge takes another {name}. Got {type(other).__name__}.")
        check_is_fitted(other, msg=f"{name}.merge: the other estimator has seen no rows.")
        if not hasattr(self, "statistics_"):
            self._check_parameters()
            self._start_like(other)
        self._compare(other)
        theirs = self._align(other)
        self.statistics_.merge(theirs[0])
        self.held_out_.merge(theirs[1])
        self._cache.clear()
        return self

    def _compare(self, other: Any) -> None:
        """Refuse to merge what does not belong together."""
        names = [
            None if (c := getattr(e, "feature_names_in_", None)) is None else list(c) for e in (self, other)
        ]
        pairs = [
            ("features", self.n_features_in_, other.n_features_in_),
            ("feature names", *(names if None not in names else (None, None))),
            ("the shape of y", self._y_shape(), other._y_shape()),
            ("precision", self.statistics_.precision, other.statistics_.precision),
            ("the alpha of residual_variance", self._residual_alpha, other._residual_alpha),
            ("selection", self.selection == "holdout", other.selection == "holdout"),
        ]
        for what, mine, its in pairs:
            if mine != its:
                raise DualactError(
                    f"{type(self).__name__}.merge: the two estimators differ in {what}: {mine} here, {its} "
                    "there. Only statistics of the same columns, weighted alike, add up; nothing was merged."
                )

    def fit_chunks(
        self,
        chunks: Iterable[Any],
        *,
        transformer: Any = None,
        held_out: Iterable[Any] | None = None,
        checkpoint: Any = None,
        checkpoint_seconds: float = 60.0,
        progress: bool = False,
    ) -> Any:
        """Fit on chunks of rows that come one after another, in memory that does not grow with their number.

        Parameters
        ----------
        chunks : iterable of (X, y) or (X, y, sample_weight)
            For instance :func:`dualact.chunks`.
        transformer : fitted transformer, optional
            Makes features of each chunk: a :class:`SketchedNeuralKernel` fitted on a sample.
        held_out : iterable of chunks, optional
            For ``selection="holdout"``: what alpha is chosen on. Left out, every tenth row serves.
        checkpoint : path, optional
            A file that is written now and then. If it is there already, the run goes on after the last chunk
            that it holds, and ends with the same bits as a run that was never interrupted.
        checkpoint_seconds : float, default 60
            Least time between two writings.
        progress : bool, default False
            Report to stderr.

        Returns
        -------
        self

        Raises
        ------
        DualactError
            If a chunk is refused. The message names it; the estimator, and the checkpoint if there is one,
            hold the chunks before it.
        CheckpointError
            If the checkpoint cannot be written, or is of another run. The file there before is intact.

        Notes
        -----
        A checkpoint takes 8m² bytes. Without ``checkpoint`` earlier rows are forgotten, as in :meth:`fit`.
        """
        self._check_parameters()
        self._forget()
        run(self, chunks, transformer, held_out, checkpoint, checkpoint_seconds, progress)
        return self

    # -- a solution out ------------------------------------------------------------------------------------

    def solve(self) -> Any:
        """Work out the coefficients now, with the alphas as they are set now.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        self._check_parameters()
        self._cache.clear()
        self._solution()
        return self

    def _solution(self) -> RidgeSolution:
        check_is_fitted(self)
        if "solution" not in self._cache:
            self._cache["solution"] = self._solve()
        found: RidgeSolution = self._cache["solution"]
        return found

    def _solve(self) -> RidgeSolution:
        statistics, held_out = self.statistics_, self.held_out_
        alphas = self._alpha_grid()
        name = type(self).__name__
        if statistics.weight == 0:
            raise DualactError(f"{name}: all {statistics.rows} rows to fit on have weight zero.")
        if self._residual_alpha is not None and self._single_alpha() != self._residual_alpha:
            raise DualactError(
                f"{name}: the rows were weighted by residual_variance at alpha={self._residual_alpha:g}; "
                f"alphas is now {alphas[0]:g}. Fit again."
            )
        if self.selection != "holdout":
            return gcv_path(statistics, alphas, self.fit_intercept)
        if held_out.weight == 0:
            raise DualactError(
                f"{name}: selection='holdout', but no row was held out: every tenth is, and "
                f"{statistics.rows} came. Give more rows, or partial_fit(..., holdout=True) for a chunk to "
                "choose alpha on."
            )
        return holdout_path(statistics, held_out, alphas, self.fit_intercept)

    def _posterior(self) -> Precision:
        if "posterior" not in self._cache:
            statistics = self.statistics_
            if self.held_out_.weight > 0:
                statistics = statistics.copy().merge(self.held_out_)
            self._cache["posterior"] = posterior_precision(
                statistics, self._solution().alpha, self.fit_intercept
            )
        found: Precision = self._cache["posterior"]
        return found

    @property
    def alpha_(self) -> float:
        """The alpha chosen."""
        return self._solution().alpha

    @property
    def scores_(self) -> NDArray[np.float64]:
        """Of each alpha: generalised cross-validation, or mean square error on the rows held out."""
        return self._solution().scores

    @property
    def degrees_of_freedom_(self) -> NDArray[np.float64]:
        """Of each alpha: Σ s/(s + α) over the eigenvalues of the scatter, and one for the intercept."""
        found = self._solution()
        if found.degrees_of_freedom is not None:
            return found.degrees_of_freedom
        if "degrees of freedom" not in self._cache:
            self._cache["degrees of freedom"] = degrees_of_freedom(
                self.statistics_, list(found.alphas), self.fit_intercept
            )
        counted: NDArray[np.float64] = self._cache["degrees of freedom"]
        return counted

    # -- state ---------------------------------------------------------------------------------------------

    def _start(self, n_features: int, n_targets: int) -> None:
        self.statistics_ = RidgeStatistics(n_features, n_targets, self.precision)
        # Rows are held out for one selection only; for the others no second scatter takes memory.
        held = n_features if self.selection == "holdout" else 0
        self.held_out_ = RidgeStatistics(held, n_targets, self.precision)
        self._cache = {}
        if not hasattr(self, "_residual_alpha"):
            self._residual_alpha = None

    def _start_like(self, other: Any) -> None:
        self._start(other.n_features_in_, other.statistics_.n_targets)
        self._residual_alpha = other._residual_alpha
        self.n_features_in_ = other.n_features_in_
        if hasattr(other, "feature_names_in_"):
            self.feature_names_in_ = other.feature_names_in_

    def _forget(self) -> None:
        for name in ("statistics_", "held_out_", "_cache", "_residual_alpha", *self._memory):
            if name in vars(self):
                delattr(self, name)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        if "_cache" in state:
            state["_cache"] = {k: v for k, v in state["_cache"].items() if k != "posterior"}
        return state

    def _alpha_grid(self) -> Sequence[float]:
        alphas = np.atleast_1d(np.asarray(self.alphas, dtype=np.float64))
        return [float(a) for a in alphas]

    def _check_parameters(self) -> None:
        name = type(self).__name__
        check_choice(name, "selection", self.selection, ("gcv", "holdout"))
        check_choice(name, "precision", self.precision, ("float64", "mixed"))
        if not isinstance(self.fit_intercept, bool | np.bool_):
            raise DualactError(
                f"The 'fit_intercept' parameter of {name} must be True or False. "
                f"Got {self.fit_intercept!r:.80} instead."
            )
        try:
            alphas = np.atleast_1d(np.asarray(self.alphas, dtype=np.float64))
            legal = alphas.ndim == 1 and alphas.size > 0 and bool((np.isfinite(alphas) & (alphas > 0)).all())
        except (TypeError, ValueError, OverflowError):
            legal = False
        if not legal:
            raise DualactError(
                f"The 'alphas' parameter of {name} must be a positive number, or a sequence of them. "
                f"Got {self.alphas!r:.200} instead."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- what a subclass says ------------------------------------------------------------------------------

    _y_numeric = True
    _memory: tuple[str, ...] = ()

    def _targets(
        self, y: NDArray[Any], weights: NDArray[Any] | None
    ) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
        """Return the columns to regress on, and the weights of the rows."""
        raise NotImplementedError

    def _align(self, other: Any) -> tuple[RidgeStatistics, RidgeStatistics]:
        """Return the statistics of the other estimator, with the targets of this one."""
        return other.statistics_, other.held_out_

    def _y_shape(self) -> Any:
        """What two estimators must have in common to be merged."""
        raise NotImplementedError
