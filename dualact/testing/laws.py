"""The laws that every activation keeps, one plain function each.

A law takes an :class:`~dualact.Activation` and returns None; it raises
:class:`~dualact.testing.verdicts.Broken` with a counterexample, or
:class:`~dualact.testing.verdicts.NotApplicable` with the reason. Its docstring states it.
"""

from __future__ import annotations

from collections.abc import Callable

from ..nonlinearity.contract import Activation
from . import accuracy_laws, coefficient_laws, dual_laws, function_laws

__all__ = ["LAWS", "Law", "statement"]

Law = Callable[[Activation], None]

#: Name -> law, from the function itself to what is made of it; the first that fails tends to be the cause.
LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        function_laws.phi_is_vectorised,
        function_laws.phi_is_smooth_between_its_breakpoints,
        function_laws.phi_prime_is_the_slope_of_phi,
        function_laws.phi_has_the_parity_it_claims,
        function_laws.phi_is_homogeneous_as_claimed,
        coefficient_laws.shapes_of_hermite,
        coefficient_laws.hermite_is_the_integral_of_phi,
        coefficient_laws.hermite_starts_at_phi_of_zero,
        coefficient_laws.hermite_knows_parity,
        coefficient_laws.parseval_bounds_the_squares,
        dual_laws.duals_broadcast,
        dual_laws.diagonal_is_the_second_moment,
        coefficient_laws.mehler_sums_to_the_dual,
        dual_laws.duals_are_symmetric,
        dual_laws.cauchy_schwarz,
        dual_laws.price,
        dual_laws.gram_matrices_are_positive,
        dual_laws.duals_are_homogeneous_as_claimed,
        dual_laws.duals_have_the_parity_claimed,
        dual_laws.zero_variance,
        dual_laws.duals_stay_numbers_at_the_edges,
        accuracy_laws.closed_forms_are_what_phi_gives,
        accuracy_laws.accuracy_is_as_claimed,
    )
}


def statement(law: Law) -> str:
    """Return what a law says, in one line."""
    return (law.__doc__ or "").strip().splitlines()[0]
