"""A neural kernel among scikit-learn's Gaussian-process kernels, with its hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from ..errors import DualactError, NetworkError
from ..exact.gradients import Move, kernel_gradient
from ..exact.matrices import kernel, kernel_diag
from ..network.layers import Dense
from ..network.planning import check
from ..network.spec import Network
from ..network.stds import dense_layers, with_dense_layers
from ..nonlinearity.contract import Array
from .parameters import NetworkParameter, check_choice, network_of

__all__ = ["NeuralKernel"]

_FIELDS = ("weight_std", "bias_std")


class NeuralKernel(NetworkParameter, Kernel):  # type: ignore[misc]
    """Neural kernel for ``GaussianProcessRegressor`` and ``GaussianProcessClassifier``.

    With kind="nngp" the Gaussian process is the infinitely wide network itself, under its prior over weights;
    its standard deviations are found by maximising the marginal likelihood, with exact gradients.

    Parameters
    ----------
    network : Network, dict or None
        None stands for ``mlp(2, "relu", weight_std=2**0.5)``. Its standard deviations are where a search
        starts; a fitted ``gp.kernel_`` holds the network with those found.
    kind : {"ntk", "nngp"}, default "ntk"
    tie : {"shared", "layer"}, default "shared"
        Whether all Dense layers share one weight_std and one bias_std, or have their own. A std of 0 is fixed
        either way, and layers with it take no part in the sharing.
    weight_std_bounds, bias_std_bounds : pair of float, (n, 2) array or "fixed"
        Bounds of the search; n pairs give each layer its own (tie="layer"), in the order of the layers whose
        std is not 0. "fixed" leaves them as they are.

    Attributes
    ----------
    theta : (n_dims,) array
        Logarithms of the standard deviations that are not fixed: weight_std, then bias_std, each in the order
        of the layers.
    bounds : (n_dims, 2) array

    Notes
    -----
    The derivatives of the kernel are propagated through the layers beside its values: in closed form for
    homogeneous activations, by a fourth-order difference along the motion of each pair for the others.
    Errors measured, relative to the kernel: 1e-11 where the duals have a closed form, 1e-9 where they are
    computed. With 2 (6) hyperparameters the kernel of depth 2 and its gradient take 1.2 (1.2) times the time
    of the kernel alone for ReLU, 2 to 12 (4 to 22) times for the others (n = 1000). Where duals are computed
    (tanh, elu), a search on 60 rows takes 10 to 30 s, most of it for tables.

    References
    ----------
    Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018. Rasmussen & Williams, *Gaussian
    Processes for Machine Learning*, 2006, section 5.4.

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> kernel = da.NeuralKernel(da.mlp(1, "erf", bias_std=1.0), kind="nngp")
    >>> gp = GaussianProcessRegressor(kernel, alpha=1e-4).fit(X, np.sin(3 * X[:, 0]))
    >>> bool(abs(gp.predict([[0.5]])[0] - np.sin(1.5)) < 0.01)
    True
    >>> gp.kernel_.network == gp.kernel.network
    False
    """

    def __init__(
        self,
        network: Network | Mapping[str, Any] | None = None,
        kind: str = "ntk",
        tie: str = "shared",
        weight_std_bounds: Any = (1e-2, 1e2),
        bias_std_bounds: Any = (1e-3, 1e1),
    ) -> None:
        self.network = network
        self.kind = kind
        self.tie = tie
        self.weight_std_bounds = weight_std_bounds
        self.bias_std_bounds = bias_std_bounds

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """The hyperparameters ``weight_std`` and ``bias_std``, as far as there are any."""
        found = []
        for field in _FIELDS:
            free = self._free(field)
            if free:
                n_elements = 1 if self.tie == "shared" else len(free)
                bounds = self._bounds(field, n_elements)
                found.append(Hyperparameter(field, "numeric", bounds, n_elements))
        return found

    @property
    def theta(self) -> Array:
        """The logarithms of the standard deviations that are not fixed, shape (n_dims,)."""
        dense = dense_layers(network_of(self.network).layers)
        values: list[float] = []
        for hyperparameter in self.hyperparameters:
            if hyperparameter.fixed:
                continue
            field = hyperparameter.name
            stds = [getattr(dense[i], field) for i in self._free(field)]
            if self.tie == "shared" and len(set(stds)) > 1:
                raise NetworkError(
                    f"NeuralKernel: tie='shared' means one {field} for all Dense layers where it is not 0, "
                    f"but this network has {', '.join(f'{s:g}' for s in stds)}. Use tie='layer', or give "
                    f"them one value with network.replace({field}=...)."
                )
            values.extend(stds[: hyperparameter.n_elements])
        return np.log(np.array(values, dtype=np.float64))

    @theta.setter
    def theta(self, theta: Any) -> None:
        given = np.asarray(theta, dtype=np.float64)
        network = network_of(self.network)
        moves = self._moves()
        count = len(self.theta)
        if given.shape != (count,):
            raise DualactError(
                f"NeuralKernel: theta must have shape ({count},), one logarithm per free standard deviation. "
                f"Got shape {given.shape}."
            )
        stds = np.exp(given)
        dense = [
            Dense(
                layer.weight_std if move.weight is None else stds[move.weight],
                layer.bias_std if move.bias is None else stds[move.bias],
            )
            for layer, move in zip(dense_layers(network.layers), moves, strict=True)
        ]
        self.network = with_dense_layers(network, dense)

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """Return the kernel k(X, Y), and its gradient in ``theta``.

        Parameters
        ----------
        X : (n, d) array
        Y : (m, d) array, optional
            None means X.
        eval_gradient : bool, default False
            Whether to return the gradient as well; only where Y is None.

        Returns
        -------
        K : (n, m) array
        K_gradient : (n, n, n_dims) array, optional

        Raises
        ------
        NetworkError
            If the network is ill-defined, or X does not fit it.
        DualactError
            If a parameter is out of range.
        ValueError
            If a gradient is asked for with Y given.
        """
        self._check()
        if not eval_gradient:
            return kernel(network_of(self.network), X, Y, self.kind)
        if Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        return kernel_gradient(network_of(self.network), X, self._moves(), self.kind)

    def diag(self, X: Any) -> Array:
        """Return the diagonal of k(X, X), in time linear in n.

        Parameters
        ----------
        X : (n, d) array

        Returns
        -------
        (n,) array
        """
        self._check()
        return kernel_diag(network_of(self.network), X, self.kind)

    def is_stationary(self) -> bool:
        """Return False: the kernel depends on more than the difference of its inputs."""
        return False

    def __repr__(self) -> str:
        shown = [repr(self.network)]
        for name, default in (("kind", "ntk"), ("tie", "shared")):
            value = getattr(self, name)
            shown += [] if value == default else [f"{name}={value!r}"]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _check(self) -> None:
        check_choice(type(self).__name__, "kind", self.kind, ("ntk", "nngp"))
        check_choice(type(self).__name__, "tie", self.tie, ("shared", "layer"))
        plan = check(network_of(self.network), self.kind)
        if plan.spatial:
            raise NetworkError(
                "NeuralKernel is for dense networks: scikit-learn's kernels take flat rows, and its "
                "gradients are those of dense layers. Use ExactNeuralKernel with a precomputed kernel."
            )

    def _free(self, field: str) -> list[int]:
        """The Dense layers whose std is not 0."""
        check_choice(type(self).__name__, "tie", self.tie, ("shared", "layer"))
        dense = dense_layers(network_of(self.network).layers)
        return [i for i, layer in enumerate(dense) if getattr(layer, field) > 0]

    def _bounds(self, field: str, n_elements: int) -> Any:
        label = f"{field}_bounds"
        bounds = getattr(self, label)
        if isinstance(bounds, str):
            if bounds == "fixed":
                return bounds
        else:
            try:
                found = np.atleast_2d(np.asarray(bounds, dtype=np.float64))
            except (TypeError, ValueError):
                found = np.empty((0, 0))
            sized = found.ndim == 2 and found.shape[0] in (1, n_elements) and found.shape[1] == 2
            if sized and np.isfinite(found).all() and (found[:, 0] > 0).all() and (np.diff(found) >= 0).all():
                return found
        raise DualactError(
            f"The {label!r} parameter of NeuralKernel must be 'fixed', a pair of positive numbers "
            f"(low, high), or {n_elements} such pairs. Got {bounds!r:.100} instead."
        )

    def _moves(self) -> Sequence[Move]:
        """Which element of theta each standard deviation is."""
        number = 0
        place: dict[tuple[str, int], int] = {}
        for hyperparameter in self.hyperparameters:
            if hyperparameter.fixed:
                continue
            for k, layer in enumerate(self._free(hyperparameter.name)):
                place[hyperparameter.name, layer] = number + (k if self.tie == "layer" else 0)
            number += hyperparameter.n_elements
        layers = range(len(dense_layers(network_of(self.network).layers)))
        return [Move(place.get(("weight_std", i)), place.get(("bias_std", i))) for i in layers]
