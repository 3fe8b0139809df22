"""One degree of a feature map: the plan keeps them, the design makes them, the map carries them out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import DualactError
from ..nonlinearity.contract import Array
from .monomials import monomial_count

__all__ = ["Graded", "Term", "check_terms", "mixed", "radial_powers", "term_rows", "tilted"]


class Graded(Protocol):
    """Functions of the norm, each with the power of the cosine that it goes with."""

    @property
    def degrees(self) -> Array:
        """Those powers, (t,) integers, ascending."""


@dataclass(frozen=True, eq=False)
class Term:
    """One degree of the feature map.

    Attributes
    ----------
    degree : int
        j, the power of x⊥·y⊥.
    mixing : (t, c) array
        W_j√r_j: from the radial functions to the components a_j, largest first.
    exact : int
        How many leading components have exact monomials.
    width : int
        Columns of the sketch that carries the rest of the components (0 where there are none).
    tilt : tuple of float
        c_0, c_1, …: the components are multiplied by √(Σ_p c_p τ^{2p}), with τ² the tail of the series at
        the norm of the row.
    """

    degree: int
    mixing: Array
    exact: int
    width: int
    tilt: tuple[float, ...] = (1.0,)

    def columns(self, n_features: int) -> int:
        """Number of output columns."""
        return self.exact * monomial_count(n_features, self.degree) + self.width

    def to_dict(self) -> dict[str, Any]:
        """Return the term as JSON-ready data."""
        return {
            "degree": self.degree,
            "mixing": self.mixing.tolist(),
            "exact": self.exact,
            "width": self.width,
            "tilt": list(self.tilt),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Term:
        """Read back what :meth:`to_dict` wrote."""
        return cls(
            int(data["degree"]),
            np.asarray(data["mixing"], dtype=float).reshape(len(data["mixing"]), -1),
            int(data["exact"]),
            int(data["width"]),
            tuple(float(c) for c in data["tilt"]),
        )


def term_rows(terms: tuple[Term, ...], n_features: int) -> list[tuple[str, ...]]:
    """Return the rows of a table of the terms, its head first."""
    rows: list[tuple[str, ...]] = [("degree", "exact columns", "sketched columns", "components")]
    for term in terms:
        exact = term.exact * monomial_count(n_features, term.degree)
        rows.append((str(term.degree), str(exact), str(term.width), str(term.mixing.shape[1])))
    return rows


def check_terms(terms: tuple[Term, ...], basis: Graded, n_features: int, n_components: int) -> None:
    """Refuse terms that are not those of a plan over these radial functions.

    Raises
    ------
    DualactError
        If degrees, shapes or widths do not fit together.
    """
    degrees = [term.degree for term in terms]
    highest = int(max(basis.degrees))
    if degrees != sorted({*degrees}) or not set(degrees) <= set(range(highest + 1)):
        raise DualactError(f"the degrees of a plan ascend from 0 to {highest}. Got {degrees!r:.200}.")
    for term in terms:
        functions = int((np.asarray(basis.degrees) >= term.degree).sum())
        count = term.mixing.shape[1]
        finite = np.isfinite(term.mixing).all() and np.isfinite(term.tilt).all()
        fits = term.mixing.shape[0] == functions and finite
        # What is not exact needs columns, and what is exact none.
        widths = 0 <= term.exact <= count and (term.width > 0) == (term.exact < count) and term.width >= 0
        if not (fits and widths and term.tilt):
            raise DualactError(
                f"the term of degree {term.degree} does not fit: it must mix {functions} functions into "
                f"components of which {term.exact} are exact and the others share {term.width} columns. Got "
                f"a mixing of shape {term.mixing.shape}."
            )
    used = sum(term.columns(n_features) for term in terms)
    if not 1 <= max(used, 1) <= n_components:
        raise DualactError(f"the plan takes {used} columns, but it has n_components={n_components}.")


def radial_powers(basis: Graded, functions: Array, along: Array, degree: int) -> Array:
    """What the components of one degree are mixed from: √C(k_t, j) α^{k_t − j} f_t for k_t ≥ j.

    Parameters
    ----------
    basis : Graded
        The degrees of the functions.
    functions : (n, t) array
        Their values.
    along : (n,) array
        α; zeros where there is no direction.
    degree : int
        j.

    Returns
    -------
    (n, t') array
        t' counts the functions of degree ≥ j.
    """
    used = np.flatnonzero(basis.degrees >= degree)
    out = np.empty((used.size, len(functions)))  # one function after the other: whole rows of memory
    power = np.ones_like(along)
    previous = degree
    for row, t in zip(out, used, strict=True):
        k = int(basis.degrees[t])
        for _ in range(k - previous):
            power = power * along
        previous = k
        np.multiply(functions[:, t], power, out=row)
        row *= math.sqrt(math.comb(k, degree))
    return out.T


def mixed(powers: Array, mixing: Array) -> Array:
    """Components a_j(x): ``powers @ mixing``, each row to the bit whatever rows are beside it."""
    out = np.zeros((mixing.shape[1], len(powers)))
    product = np.empty_like(out)
    for row, weights in zip(np.ascontiguousarray(powers.T), mixing, strict=True):
        np.multiply(weights[:, None], row, out=product)
        out += product
    return out.T


def tilted(components: Array, tilt: tuple[float, ...], tail: Array) -> Array:
    """Components times √(Σ_p c_p τ^{2p}), (n, c); ``tail`` is τ² of each row."""
    if tilt == (1.0,):
        return components
    weight = np.full_like(tail, tilt[-1])
    for coefficient in tilt[-2::-1]:
        weight = weight * tail + coefficient
    result: Array = components * np.sqrt(weight)[:, None]
    return result
