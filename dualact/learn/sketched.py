"""The kernel as features, for scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from ..errors import DualactError
from ..network.spec import Network
from ..sketch.feature_map import FeatureMap
from ..sketch.planning import SketchPlan, plan_features
from .dask_arrays import is_dask, map_rows, sample_rows
from .parameters import NetworkParameter, check_choice, check_jobs, network_of, seed_of

__all__ = ["SketchedNeuralKernel"]


class SketchedNeuralKernel(
    NetworkParameter,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Feature map whose inner products approximate a neural kernel: ⟨z(x), z(y)⟩ ≈ K(x, y).

    A dense network of any depth is one series Σ_k g_k(|x|, |y|) cos^k∠(x, y); its powers are sketched, or
    carried exactly where their monomials are few. Time and memory are linear in the number of rows.

    Parameters
    ----------
    network : Network, dict or None
        None stands for ``mlp(2, "relu", weight_std=2**0.5)``.
    kind : {"ntk", "nngp"}, default "ntk"
    n_components : int, default 2048
        Number of features.
    degree : int or "auto", default "auto"
        Highest power of the cosine; "auto" takes what the predicted error asks for.
    method : {"auto", "polysketch"}, default "auto"
        How features are made. "auto" is "polysketch".
    random_state : int, RandomState or None
        An integer fixes the map, together with ``plan_`` and the dtype of the data.
    n_jobs : int or None
        Threads; None means one per usable core.

    Attributes
    ----------
    plan_ : SketchPlan
        What the map does and its predicted error; ``print(plan_)`` is a table, ``plan_.to_dict()`` JSON.
    seed_ : int
        The integer that fixes the random signs.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X has column names.

    Notes
    -----
    ``fit`` looks at 512 rows at most. float32 data give float32 features. The features of a row do not
    depend on the rows beside it.

    References
    ----------
    Han, Avron, Shoham, Kim, Shin, "Random features for the neural tangent kernel", 2021. Zandieh, Han,
    Avron, Shoham, Kim, Shin, "Scaling neural tangent kernels via sketching and random features", 2021.
    Han, Zandieh, Lee, Novak, Xiao, Karbasi, "Fast neural kernel embeddings for general activations", 2022.

    Examples
    --------
    >>> import dualact as da
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:200]
    >>> features = da.SketchedNeuralKernel(da.mlp(1, "relu"), n_components=1024, random_state=0)
    >>> Z = features.fit_transform(X)
    >>> Z.shape
    (200, 1024)
    >>> bool(da.metrics.relative_error(da.kernel(da.mlp(1, "relu"), X), Z) < 0.01)
    True
    """

    def __init__(
        self,
        network: Network | Mapping[str, Any] | None = None,
        kind: str = "ntk",
        n_components: int = 2048,
        degree: int | str = "auto",
        method: str = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.network = network
        self.kind = kind
        self.n_components = n_components
        self.degree = degree
        self.method = method
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> SketchedNeuralKernel:
        """Design the map on a bounded sample of X.

        Parameters
        ----------
        X : (n, d) array, CSR matrix, data frame or dask array
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        NetworkError
            If the network is ill-defined for this kind, or does not fit X.
        DualactError
            If a parameter is out of range, or n_components too small for the degree.
        ValueError
            If X is not finite two-dimensional data, in scikit-learn's words.
        """
        self._check_parameters()
        X = sample_rows(X) if is_dask(X) else X
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        self._take(self._design(X), seed_of(self.random_state))
        return self

    def design(self, X: Any) -> SketchPlan:
        """Return the plan that :meth:`fit` would make for these data, without making the map.

        Parameters
        ----------
        X : (n, d) array or CSR matrix

        Returns
        -------
        SketchPlan
        """
        self._check_parameters()
        X = sample_rows(X) if is_dask(X) else X
        X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        return self._design(X)

    def _design(self, X: Any) -> SketchPlan:
        return plan_features(
            network_of(self.network), self.kind, X, n_components=self.n_components, degree=self.degree
        )

    @classmethod
    def from_plan(cls, plan: SketchPlan | Mapping[str, Any], random_state: int) -> SketchedNeuralKernel:
        """Return the fitted transformer of a plan; no data are needed.

        Parameters
        ----------
        plan : SketchPlan or its dictionary
        random_state : int
            The ``seed_`` of the transformer to be repeated.

        Returns
        -------
        SketchedNeuralKernel
        """
        plan = plan if isinstance(plan, SketchPlan) else SketchPlan.from_dict(plan)
        made = cls(plan.network, plan.kind, plan.n_components, random_state=random_state)
        made.n_features_in_ = plan.n_features
        made._take(plan, seed_of(random_state))
        return made

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
        check_is_fitted(self)
        if is_dask(X):
            dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
            function = partial(_features, json.dumps(self.plan_.to_dict()), self.seed_, self.n_jobs)
            lazy: NDArray[Any] = map_rows(self, X, function, self.plan_.n_components, dtype)
            return lazy
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return self._map(X.dtype).transform(X, self.n_jobs)

    def _take(self, plan: SketchPlan, seed: int) -> None:
        self.plan_ = plan
        self.seed_ = seed
        self._n_features_out = plan.n_components
        self._maps: dict[str, FeatureMap] = {}

    def _map(self, dtype: np.dtype[Any]) -> FeatureMap:
        """The map of a dtype; made from plan and seed when first asked for."""
        if dtype.name not in self._maps:
            self._maps[dtype.name] = FeatureMap(self.plan_, self.seed_, dtype)
        return self._maps[dtype.name]

    def _check_parameters(self) -> None:
        name = type(self).__name__
        check_choice(name, "kind", self.kind, ("ntk", "nngp"))
        check_choice(name, "method", self.method, ("auto", "polysketch"))
        check_jobs(name, self.n_jobs)
        counts: tuple[tuple[str, Any, int], ...] = (
            ("n_components", self.n_components, 1),
            ("degree", self.degree, 0),
        )
        for label, value, least in counts:
            if label == "degree" and isinstance(value, str) and value == "auto":
                continue
            if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
                either = "'auto' or " if label == "degree" else ""
                raise DualactError(
                    f"The {label!r} parameter of {name} must be {either}an int in the range [{least}, inf). "
                    f"Got {value!r} instead."
                )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "plan_" in state:
            state["_maps"] = {}  # made again from plan and seed
            if "_network" in state:
                state["plan_"] = json.dumps(self.plan_.to_dict())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("plan_"), str):
            state = {**state, "plan_": SketchPlan.from_dict(json.loads(state["plan_"]))}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _features(plan: str, seed: int, n_jobs: int | None, X: Any) -> NDArray[Any]:
    """The features of a block of rows, on any worker."""
    return _from_text(plan, seed, n_jobs).transform(X)


@lru_cache(maxsize=8)
def _from_text(plan: str, seed: int, n_jobs: int | None) -> SketchedNeuralKernel:
    """The transformer of a plan; a worker makes it once."""
    made = SketchedNeuralKernel.from_plan(json.loads(plan), seed)
    made.n_jobs = n_jobs
    return made
