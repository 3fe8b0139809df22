"""Polynomial kernels as features, for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sketch.polynomial import PolynomialPlan, plan_polynomial
from .dask_arrays import design_rows
from .mapped import DTYPES, MappedTransformer
from .parameters import check_at_least_zero, check_integer, seed_of, validated

__all__ = ["PolynomialSketch"]


class PolynomialSketch(MappedTransformer):
    """Feature map of the polynomial kernel: E⟨z(x), z(y)⟩ = (gamma x·y + coef0)^degree.

    A replacement for :class:`sklearn.kernel_approximation.PolynomialCountSketch` with smaller errors, which
    do not explode with the degree: powers are carried exactly where their monomials fit, the others by trees
    of randomised Hadamard transforms, as wide as their variance on the data asks for; rows are split along
    their main direction where that helps. Of long sparse rows the time follows their nonzeros.

    Parameters
    ----------
    gamma : float, default 1.0
        Factor of the inner product, at least 0.
    degree : int, default 2
        At least 1.
    coef0 : float, default 0.0
        Constant, at least 0: otherwise the kernel is not positive semi-definite, and has no features.
    n_components : int, default 100
        Number of features.
    random_state : int, RandomState or None
        An integer fixes the map, together with ``plan_`` and the dtype of the data.

    Attributes
    ----------
    plan_ : PolynomialPlan
        What the map does and its predicted error; ``print(plan_)`` is a table, ``plan_.to_dict()`` JSON.
    seed_ : int
        The integer that fixes the random signs.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X has column names.

    Notes
    -----
    ``fit`` looks at 512 rows at most, to decide where columns go; the features are unbiased for any rows.
    float32 data give float32 features. The features of a row do not depend on the rows beside it.
    All usable cores are used.

    References
    ----------
    Ahle et al., "Oblivious sketching of high-degree polynomial kernels", SODA 2020. Wacker, Ohana, Filippone,
    "Complex-to-real sketches for tensor products", AISTATS 2023.

    Examples
    --------
    >>> import dualact as da
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:200] / 64
    >>> Z = da.PolynomialSketch(degree=4, coef0=1.0, n_components=1024, random_state=0).fit_transform(X)
    >>> bool(da.metrics.relative_error((X @ X.T + 1) ** 4, Z) < 0.01)
    True
    """

    plan_: PolynomialPlan

    def __init__(
        self,
        gamma: float = 1.0,
        degree: int = 2,
        coef0: float = 0.0,
        n_components: int = 100,
        random_state: Any = None,
    ) -> None:
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> PolynomialSketch:
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
        DualactError
            If a parameter is out of range.
        ValueError
            If X is not finite two-dimensional data, in scikit-learn's words.
        """
        name, why = type(self).__name__, "or the kernel is not positive semi-definite"
        check_at_least_zero(name, "gamma", self.gamma, why=why)
        check_integer(name, "degree", self.degree, 1)
        check_at_least_zero(name, "coef0", self.coef0, why=why)
        check_integer(name, "n_components", self.n_components, 1)
        X, population = design_rows(X)
        X = validated(self, X, accept_sparse="csr", dtype=DTYPES)
        plan = plan_polynomial(
            X, self.gamma, self.degree, self.coef0, self.n_components, population=population
        )
        self._take(plan, seed_of(self.random_state))
        return self

    def _checked(self, X: Any) -> Any:
        X = super()._checked(X)
        return self.plan_.extended(X)

    @staticmethod
    def _read_plan(data: Mapping[str, Any]) -> PolynomialPlan:
        return PolynomialPlan.from_dict(data)

    @classmethod
    def from_plan(cls, plan: PolynomialPlan | Mapping[str, Any], random_state: int) -> PolynomialSketch:
        """Return the fitted transformer of a plan; no data are needed.

        Parameters
        ----------
        plan : PolynomialPlan or its dictionary
        random_state : int
            The ``seed_`` of the transformer to be repeated.

        Returns
        -------
        PolynomialSketch
        """
        plan = plan if isinstance(plan, PolynomialPlan) else PolynomialPlan.from_dict(plan)
        basis = plan.basis
        coef0 = basis.coef0 or basis.gamma * plan.constant**2
        made = cls(basis.gamma, basis.degree, coef0, plan.n_components, random_state)
        made.n_features_in_ = plan.n_features_in
        made._take(plan, seed_of(random_state))
        return made
