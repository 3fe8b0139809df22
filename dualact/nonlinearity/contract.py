"""The plugin contract: what an activation must say of itself, and what it may say.

Only a name and the function are required. Whatever else a plugin leaves out is computed: the dual
activations by quadrature with an error estimate, the Hermite coefficients by panels that follow the
function's structure. What it does supply is checked by the laws of :mod:`dualact.testing`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PluginError

__all__ = ["Activation", "Array", "Dual", "Hermite", "Phi", "jump_points"]

Array = NDArray[np.float64]
Phi = Callable[[Array], Array]
Dual = Callable[[Array, Array, Array], Array]
Hermite = Callable[[Array, int], Array]


@dataclass(frozen=True, eq=False, repr=False)
class Activation:
    """An activation function φ, with what is known in closed form of its Gaussian integrals.

    Parameters
    ----------
    name : str
        The name under which it is registered (or would be).
    phi : callable or None
        φ, vectorised: float64 array -> array of the same shape. None only for a kernel that no
        pointwise function makes (then ``dual``, ``dual_prime`` and ``hermite`` are required).
    dual, dual_prime : callable or None
        ``dual(cov, var_u, var_v)`` = E[φ(u)φ(v)] and ``dual_prime`` = E[φ′(u)φ′(v)] for
        (u, v) ~ N(0, [[var_u, cov], [cov, var_v]]). They get float64 arrays that broadcast against
        one another, with \\|cov\\| ≤ √(var_u·var_v), and return the broadcast shape. None: computed.
    hermite : callable or None
        ``hermite(variance, degree)`` returns a_0 … a_degree of φ(√variance·z) in the normalised
        probabilists' basis, shape ``variance.shape + (degree + 1,)``. None: computed.
    phi_prime : callable or None
        φ′ almost everywhere, vectorised. None: taken from ``phi`` where it is needed.
    breakpoints : tuple of float
        Where φ is not smooth. Kinks and jumps alike; which of them jump is found out.
    homogeneity : float or None
        h with φ(ct) = c^h φ(t) for every c > 0, if there is one.
    params : mapping of str to number, str, bool or tuple of numbers
        The parameters that make this member of its family; part of its identity.
    source : str
        Where the formulas come from (paper, equation).
    formula : str
        φ in one line, for people.
    parity : {"even", "odd", None}
        Symmetry of φ, if it has one.
    variance_limit : float
        E φ(√q z)² is finite for q below this only (infinity: for every variance).
    derivative_limit : float
        E φ′(√q z)² is finite for q below this only; 0: at no variance, so there is no dual_prime and no
        NTK. A φ′ that is not square-integrable at a breakpoint (√|t| at 0) is found without it.
    accuracy : float or None
        The claimed worst error of dual, dual_prime and the coefficients, relative to √(Eφ(u)²·Eφ(v)²),
        measured against high precision (docs/accuracy.md). Laws hold a closed form to it; a computed
        value has an estimate of its own.
    expression : str or None
        The text this activation was made from, if it was made from one; networks store it.
    provider : str
        The distribution that registered it; set by the catalog alone, empty if unregistered. A copy by
        ``dataclasses.replace`` has none: it is no longer what its name stands for.

    Notes
    -----
    Two registered activations are equal when name and parameters are; unregistered ones, when they
    share the function as well. Instances are immutable and hashable; ``_cache`` holds tables that
    are derived from φ and never takes part in comparison.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.contract import Activation
    >>> cube = Activation("cube", lambda t: t**3, homogeneity=3)
    >>> cube
    Activation('cube')
    >>> float(cube(np.array(2.0)))
    8.0
    """

    name: str
    phi: Phi | None
    dual: Dual | None = None
    dual_prime: Dual | None = None
    hermite: Hermite | None = None
    phi_prime: Phi | None = None
    breakpoints: tuple[float, ...] = ()
    homogeneity: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    formula: str = ""
    parity: str | None = None
    variance_limit: float = math.inf
    derivative_limit: float = math.inf
    accuracy: float | None = None
    expression: str | None = None
    provider: str = field(default="", init=False)
    _cache: dict[Any, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise PluginError(f"Activation: name must be a non-empty string. Got {self.name!r}.")
        if self.phi is None:
            missing = [f for f in ("dual", "dual_prime", "hermite") if getattr(self, f) is None]
            if missing:
                raise PluginError(
                    f"activation {self.name!r}: phi is None, so {', '.join(missing)} must be given; "
                    "nothing can be computed without the function. Pass phi, or every closed form."
                )
        for label in ("phi", "dual", "dual_prime", "hermite", "phi_prime"):
            value = getattr(self, label)
            if value is not None and not callable(value):
                raise PluginError(
                    f"activation {self.name!r}: {label} must be callable. Got {type(value).__name__}."
                )
        try:
            points = tuple(sorted({float(b) for b in self.breakpoints}))
        except (TypeError, ValueError):
            points = (math.nan,)
        if not all(map(math.isfinite, points)):
            raise PluginError(
                f"activation {self.name!r}: breakpoints must be finite numbers. Got {self.breakpoints!r}."
            )
        if self.parity not in (None, "even", "odd"):
            raise PluginError(
                f"activation {self.name!r}: parity must be 'even', 'odd' or None. Got {self.parity!r}."
            )
        if not self.variance_limit > 0:
            raise PluginError(
                f"activation {self.name!r}: variance_limit must be positive. Got {self.variance_limit!r}."
            )
        if not self.derivative_limit >= 0:
            raise PluginError(
                f"activation {self.name!r}: derivative_limit must be 0 or more. "
                f"Got {self.derivative_limit!r}."
            )
        object.__setattr__(self, "breakpoints", points)
        params = {key: _frozen(value) for key, value in dict(self.params).items()}
        object.__setattr__(self, "params", MappingProxyType(params))

    @property
    def registered(self) -> bool:
        """Whether a catalog made this object, so that name and params are its whole identity."""
        return bool(self.provider)

    def registered_as(self, name: str, params: Mapping[str, Any], provider: str) -> Activation:
        """Return this activation as what ``name`` and ``params`` stand for; for the catalog's use."""
        copied = dataclasses.replace(self, name=name, params=params)
        object.__setattr__(copied, "provider", provider)
        return copied

    def _identity(self) -> tuple[Any, ...]:
        owner = None if self.registered else (self.expression or self.phi)
        return (self.name, tuple(sorted(self.params.items())), owner)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activation) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        inner = "".join(f", {k}={_plain(v)!r}" for k, v in self.params.items())
        return f"{'activation' if self.registered else 'Activation'}({self.name!r}{inner})"

    def __call__(self, t: Array) -> Array:
        """Return φ(t); for those who want the function itself."""
        if self.phi is None:
            raise PluginError(f"activation {self.name!r} is a kernel only: it has no pointwise function.")
        return self.phi(t)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.registered:
            return (_from_catalog, (self.name, dict(self.params)))
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}
        if self.expression is not None:
            return (_from_expression, (self.name, self.expression, dict(self.params)))
        return (_rebuild, ({**fields, "params": dict(self.params)},))

    @property
    def jumps(self) -> tuple[float, ...]:
        """Where φ itself jumps, at a breakpoint or at 0: there φ′ does not exist, and so no NTK."""
        if "jumps" not in self._cache:
            places = tuple(sorted({0.0, *self.breakpoints}))
            self._cache["jumps"] = jump_points(self.phi, places) if self.phi else ()
        found: tuple[float, ...] = self._cache["jumps"]
        return found

    @property
    def without_ntk(self) -> str:
        """Why there is no E φ′(u)φ′(v), and so no NTK: a clause without its subject; empty if there is."""
        if "without_ntk" not in self._cache:
            self._cache["without_ntk"] = self._obstacle()
        found: str = self._cache["without_ntk"]
        return found

    def _obstacle(self) -> str:
        if self.jumps:
            places = ", ".join(f"{b:g}" for b in self.jumps)
            return f"jumps at {places}, so it has no derivative"
        steep = _steep_points(self.phi, self.breakpoints) if self.phi and self.dual_prime is None else ()
        if steep:
            places = ", ".join(f"{b:g}" for b in steep)
            return f"is so steep at {places} that E phi'(u)^2 is infinite"
        return "has E phi'(u)^2 = infinity at every variance" if self.derivative_limit == 0 else ""


def jump_points(phi: Phi, breakpoints: tuple[float, ...]) -> tuple[float, ...]:
    """Return those breakpoints where φ is discontinuous.

    A continuous φ has |φ(b+h) − φ(b−h)| → 0; across a jump the difference stays. Compared are two
    steps six decades apart, so that even a square-root kink is told from a jump.
    """
    found = []
    for b in breakpoints:
        unit = max(1.0, abs(b))
        steps = np.array([1e-6, 1e-12]) * unit
        wide, narrow = np.abs(np.asarray(phi(b + steps)) - np.asarray(phi(b - steps)))
        if narrow > 1e-9 and narrow > 0.5 * wide:
            found.append(b)
    return tuple(found)


def _steep_points(phi: Phi, breakpoints: tuple[float, ...]) -> tuple[float, ...]:
    """Return those breakpoints beside which φ changes like |h|^a with a ≤ ½, so that ∫φ′² diverges.

    a is read off the change from h/4 to h at two steps six decades apart, where rounding does not hide it.
    """
    found = []
    for b in breakpoints:
        unit = max(1.0, abs(b))
        for side in (-unit, unit):
            steps = side * np.array([1e-6, 1e-12])
            change = np.abs(np.asarray(phi(b + steps)) - np.asarray(phi(b + steps / 4)))
            noise = 1e-13 * float(np.abs(np.asarray(phi(b + steps))).max())
            if change[1] > noise and change[0] <= 1e3 * 1.3 * change[1]:
                found.append(b)
                break
    return tuple(found)


def _frozen(value: Any) -> Any:
    """Return a hashable, JSON-ready copy of a parameter."""
    if isinstance(value, np.ndarray | list | tuple):
        return tuple(_frozen(v) for v in value)
    if isinstance(value, np.generic):
        return value.item()
    return value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _from_catalog(name: str, params: dict[str, Any]) -> Activation:
    from .catalog import activation

    return activation(name, **params)


def _from_expression(name: str, text: str, params: dict[str, Any]) -> Activation:
    from .symbolic.expressions import from_expression

    return from_expression(name, text, **params)


def _rebuild(fields: dict[str, Any]) -> Activation:
    return Activation(**fields)
