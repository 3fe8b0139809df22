"""Displays: what an activation does to a correlation, and what a number of features costs in error.

They follow scikit-learn's convention: ``Display.from_…`` computes and draws, ``display.plot(ax=…)`` draws
again, and what was drawn can be reached as ``ax_``, ``figure_`` and ``line_``. matplotlib is imported when
something is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
from sklearn.base import clone
from sklearn.metrics.pairwise import polynomial_kernel

from .errors import DualactError
from .exact.matrices import kernel
from .learn.parameters import check_integer, network_of, seed_of
from .learn.polynomial import PolynomialSketch
from .learn.sketched import SketchedNeuralKernel
from .metrics import relative_error
from .nonlinearity.catalog import resolve
from .nonlinearity.contract import Activation, Array
from .nonlinearity.duals import dual, dual_prime

__all__ = ["DualDisplay", "SketchErrorDisplay"]


class _Display:
    """Abstract: what displays share; :meth:`_draw` draws on ``ax_``."""

    name: str | None

    def plot(self, ax: Any = None, *, name: str | None = None, **line_kwargs: Any) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            None makes a figure.
        name : str, optional
            For the legend, in the place of the display's.
        **line_kwargs
            For ``ax.plot`` of ``line_``.

        Returns
        -------
        display
            Itself.
        """
        self.ax_, self.figure_ = _axes(ax)
        self._draw(name or self.name, line_kwargs)
        self.ax_.legend()
        return self

    def _draw(self, name: str | None, line_kwargs: dict[str, Any]) -> None:
        raise NotImplementedError


@final
class DualDisplay(_Display):
    """The duals of an activation against the correlation: what one layer does to an angle.

    E φ(u)φ(v) and, where φ′ exists, E φ′(u)φ′(v), of jointly Gaussian u and v with one variance and
    correlation ρ. Made by :meth:`from_activation`.

    Parameters
    ----------
    rho : (n,) array
        Correlations.
    dual : (n,) array
        E φ(u)φ(v).
    dual_prime : (n,) array or None
        E φ′(u)φ′(v).
    name : str or None
        Of the activation.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        Of E φφ.
    prime_line_ : matplotlib Line2D or None
        Of E φ′φ′.

    Examples
    --------
    >>> import dualact as da
    >>> display = da.DualDisplay.from_activation("relu")  # doctest: +SKIP
    """

    def __init__(
        self, *, rho: Array, dual: Array, dual_prime: Array | None = None, name: str | None = None
    ) -> None:
        self.rho = rho
        self.dual = dual
        self.dual_prime = dual_prime
        self.name = name

    @classmethod
    def from_activation(
        cls,
        activation: Activation | str,
        *,
        variance: float = 1.0,
        n_points: int = 201,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> DualDisplay:
        """Compute and draw the duals of an activation.

        Parameters
        ----------
        activation : Activation or str
            The activation, or its registered name.
        variance : float, default 1.0
            Of u and of v.
        n_points : int, default 201
            Correlations from −1 to 1, denser towards both ends.
        name : str, optional
            For the legend; by default that of the activation.
        ax : matplotlib Axes, optional
            None makes a figure.
        **line_kwargs
            For ``ax.plot`` of E φφ.

        Returns
        -------
        DualDisplay

        Raises
        ------
        DualactError
            If matplotlib is missing, the variance is not a positive number this φ can take, or n_points < 2.
        """
        act = resolve(activation)
        check_integer("DualDisplay.from_activation", "n_points", n_points, 2)
        if not 0 < variance < np.inf:
            raise DualactError(f"DualDisplay: variance must be a positive number. Got {variance!r}.")
        rho = -np.cos(np.linspace(0, np.pi, int(n_points)))
        primes = None if act.without_ntk else dual_prime(act, variance * rho, variance, variance)
        return cls(
            rho=rho,
            dual=dual(act, variance * rho, variance, variance),
            dual_prime=primes,
            name=act.name if name is None else name,
        ).plot(ax, **line_kwargs)

    def _draw(self, name: str | None, line_kwargs: dict[str, Any]) -> None:
        label = name or "φ"
        (self.line_,) = self.ax_.plot(self.rho, self.dual, **{"label": f"{label}: E φφ", **line_kwargs})
        self.prime_line_ = None
        if self.dual_prime is not None:
            (self.prime_line_,) = self.ax_.plot(
                self.rho, self.dual_prime, "--", color=self.line_.get_color(), label=f"{label}: E φ′φ′"
            )
        self.ax_.set(xlabel="correlation ρ of u and v", ylabel="dual")


@final
class SketchErrorDisplay(_Display):
    """The error of a feature map's kernel against its number of features.

    Made by :meth:`from_estimator`, for :class:`SketchedNeuralKernel`, :class:`PolynomialSketch`, or any
    transformer with ``n_components`` whose kernel matrix is given.

    Parameters
    ----------
    widths : (n,) array of int
        Numbers of features.
    errors : (n, n_repeats) array
        Relative Frobenius errors of the kernel matrix.
    predicted : (n,) array or None
        What the plans predict.
    name : str or None

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        Of the mean error.
    band_ : matplotlib collection or None
        From the smallest to the largest error, where there are several seeds.
    predicted_line_ : matplotlib Line2D or None
    """

    def __init__(
        self, *, widths: Array, errors: Array, predicted: Array | None = None, name: str | None = None
    ) -> None:
        self.widths = widths
        self.errors = errors
        self.predicted = predicted
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        K: Array | None = None,
        widths: Sequence[int] = (256, 512, 1024, 2048, 4096),
        n_repeats: int = 1,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> SketchErrorDisplay:
        """Fit clones of an estimator at several widths, measure and draw their errors.

        Parameters
        ----------
        estimator : transformer with ``n_components`` and ``random_state``
            It is cloned, not changed. An integer ``random_state`` is the first of the seeds.
        X : (n, d) array, or images
            Rows to fit and to measure on; the kernel matrix of n rows is made, so some hundreds will do.
        K : (n, n) array, optional
            The kernel. None computes that of SketchedNeuralKernel and PolynomialSketch.
        widths : sequence of int
        n_repeats : int, default 1
            How many seeds a width has.
        name : str, optional
            For the legend; by default the name of the class.
        ax : matplotlib Axes, optional
            None makes a figure.
        **line_kwargs
            For ``ax.plot`` of the mean error.

        Returns
        -------
        SketchErrorDisplay

        Raises
        ------
        DualactError
            If matplotlib is missing, K is needed, or there are no widths or repeats.
        """
        check_integer("SketchErrorDisplay.from_estimator", "n_repeats", n_repeats, 1)
        if len(widths) == 0:
            raise DualactError(
                "SketchErrorDisplay: widths must have at least one number of features. Got none."
            )
        K = _kernel_of(estimator, X) if K is None else K
        first = seed_of(estimator.random_state)
        errors = np.empty((len(widths), n_repeats))
        predictions = np.full(len(widths), np.nan)
        for i, width in enumerate(widths):
            for repeat in range(n_repeats):
                seed = (first + repeat) % 2**32
                made = clone(estimator).set_params(n_components=width, random_state=seed).fit(X)
                errors[i, repeat] = relative_error(K, np.asarray(made.transform(X)))
            predictions[i] = getattr(getattr(made, "plan_", None), "predicted_error", np.nan)
        return cls(
            widths=np.asarray(widths),
            errors=errors,
            predicted=None if np.isnan(predictions).any() else predictions,
            name=type(estimator).__name__ if name is None else name,
        ).plot(ax, **line_kwargs)

    def _draw(self, name: str | None, line_kwargs: dict[str, Any]) -> None:
        (self.line_,) = self.ax_.plot(
            self.widths,
            self.errors.mean(axis=1),
            **{"marker": "o", "label": name, **line_kwargs},
        )
        colour = self.line_.get_color()
        self.band_ = self.predicted_line_ = None
        if self.errors.shape[1] > 1:
            low, high = self.errors.min(axis=1), self.errors.max(axis=1)
            self.band_ = self.ax_.fill_between(self.widths, low, high, color=colour, alpha=0.2, linewidth=0)
        if self.predicted is not None:
            (self.predicted_line_,) = self.ax_.plot(
                self.widths, self.predicted, ":", color=colour, label="predicted by the plan"
            )
        self.ax_.set_xscale("log", base=2)
        if (self.errors > 0).any():
            self.ax_.set_yscale("log")
        self.ax_.set(xlabel="number of features", ylabel="relative error of the kernel")


def _kernel_of(estimator: Any, X: Any) -> Array:
    if isinstance(estimator, SketchedNeuralKernel):
        return kernel(network_of(estimator.network), X, kind=estimator.kind)
    if isinstance(estimator, PolynomialSketch):
        return np.asarray(polynomial_kernel(X, None, estimator.degree, estimator.gamma, estimator.coef0))
    raise DualactError(
        f"SketchErrorDisplay: the kernel of {type(estimator).__name__} is not known here. Pass it as K."
    )


def _axes(ax: Any) -> tuple[Any, Any]:
    """Axes to draw on, and their figure."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise DualactError(
            "displays need matplotlib: pip install 'dualact[plot]'. The numbers need it not: da.dual, "
            "da.metrics.relative_error."
        ) from error
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    return ax, ax.figure
