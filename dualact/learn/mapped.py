"""What transformers share whose map is fixed by a plan, an integer seed and the dtype of the data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..errors import NetworkError
from ..exact.inputs import refuse_images
from ..sketch.maps import Map, make_map
from .dask_arrays import is_dask, map_rows
from .parameters import as_flat_rows, validated

__all__ = ["MappedTransformer"]

DTYPES = [np.float64, np.float32]
_Maker = Callable[[Any, int], Any]


class MappedTransformer(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Abstract: a transformer with a ``plan_`` and a ``seed_``; ``fit`` ends in :meth:`_take`."""

    plan_: Any
    n_jobs: int | None = None

    @classmethod
    def from_plan(cls, plan: Any, random_state: int) -> Any:
        """Return the fitted transformer of a plan (or its dictionary) and a ``seed_``."""
        raise NotImplementedError

    @staticmethod
    def _read_plan(data: Mapping[str, Any]) -> Any:
        """Read back what the plan's ``to_dict`` wrote."""
        raise NotImplementedError

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the features.

        Parameters
        ----------
        X : (n, d) array, CSR matrix, data frame or dask array

        Returns
        -------
        (n, n_components) array
            float32 for float32 data, float64 otherwise. Of a dask array a lazy one, cut into the same blocks
            of rows; what travels to the workers is ``plan_`` and ``seed_``.
        """
        if is_dask(X):
            check_is_fitted(self)
            dtype = np.float32 if X.dtype == np.float32 else np.float64
            lazy: NDArray[Any] = self._lazy("transform", X, self.plan_.n_components, dtype)
            return lazy
        X = self._checked(X)
        return self._map(X.dtype).transform(X, self.n_jobs)

    def _lazy(self, method: str, X: Any, columns: int | None, dtype: Any) -> Any:
        """The lazy array of what a method makes of each block of rows; ``columns`` None: a vector."""
        check_is_fitted(self)
        plan = json.dumps(self.plan_.to_dict())
        function = partial(_of_block, type(self).from_plan, plan, self.seed_, self.n_jobs, method)
        return map_rows(self, X, function, columns, np.dtype(dtype))

    def _take(self, plan: Any, seed: int) -> None:
        self.plan_ = plan
        self.seed_ = seed
        self._n_features_out = plan.n_components
        self._maps: dict[str, Map] = {}

    def _checked(self, X: Any) -> Any:
        """X as it was for ``fit``: a float array or CSR matrix."""
        check_is_fitted(self)
        shape = getattr(self.plan_, "input_shape", None)  # a polynomial kernel has none
        if shape is not None:
            X, _ = as_flat_rows(X, shape)
        elif hasattr(self.plan_, "network"):
            refuse_images(X)
        return validated(self, X, accept_sparse="csr", dtype=DTYPES, reset=False)

    def _map(self, dtype: Any) -> Map:
        """The map of a dtype; made from plan and seed when first asked for."""
        name = np.dtype(dtype).name
        if name not in self._maps:
            self._maps[name] = make_map(self.plan_, self.seed_, dtype)
        return self._maps[name]

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the plan as text, where it can be written down: plain data."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "plan_" in state:
            state["_maps"] = {}  # made again from plan and seed
            with suppress(NetworkError):  # an unregistered function: pickle carries it, if it can be imported
                state["plan_"] = json.dumps(self.plan_.to_dict())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("plan_"), str):
            state = {**state, "plan_": self._read_plan(json.loads(state["plan_"]))}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _of_block(maker: _Maker, plan: str, seed: int, n_jobs: int | None, method: str, X: Any) -> NDArray[Any]:
    """What a method makes of a block of rows, on any worker."""
    made: NDArray[Any] = getattr(_from_text(maker, plan, seed, n_jobs), method)(X)
    return made


@lru_cache(maxsize=8)
def _from_text(maker: _Maker, plan: str, seed: int, n_jobs: int | None) -> MappedTransformer:
    """The transformer of a plan; a worker makes it once."""
    made: MappedTransformer = maker(json.loads(plan), seed)
    made.n_jobs = n_jobs
    return made
