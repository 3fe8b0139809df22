"""Faults of leading monomials: axes, the search, columns, designs, plans."""

from __future__ import annotations

from planting import Fault

A = "principal"
ROOM = "sketch.principal."
AXES = "principal: axes_are_principal"
LARGEST = "principal: the_largest_are_chosen"
WRITTEN = "principal: is_written_out"
BELOW = "principal: is_from_below"
WHOLE = "principal: all_of_them_are_the_kernel"
SAYS = "principal: says_what_it_keeps"

FAULTS = (
    # axes
    Fault("the least axes first", A, ROOM + "axes:principal_axes", "[1][:, ::-1]", "[1]", (AXES, SAYS)),
    Fault(
        "rows without their weights",
        A,
        ROOM + "axes:principal_axes",
        "np.sqrt(weights / (weights.max(initial=0.0) or 1.0))",
        "np.ones_like(weights)",
        (AXES,),
    ),
    Fault(
        "weights of rows squared",
        A,
        ROOM + "axes:principal_axes",
        "np.sqrt(weights / (weights.max(initial=0.0) or 1.0))",
        "weights",
        (AXES,),
    ),
    Fault(
        "random directions for the axes of long rows",
        A,
        ROOM + "axes:_subspace",
        "for _ in range(_STEPS):",
        "for _ in range(0):",
        (AXES,),
    ),
    # the search
    Fault(
        "products searched as if they were ordered",
        A,
        ROOM + "selection:_Frontier._ratios",
        "ratios[np.arange(p) < last[:, None]] = 0.0",
        "pass",
        (LARGEST, WRITTEN),
    ),
    Fault(
        "energies without their multiplicity",
        A,
        ROOM + "selection:_Frontier._ratios",
        "np.full((q, p), degree + 1, np.float32)",
        "np.ones((q, p), np.float32)",
        (LARGEST,),
    ),
    Fault(
        "a power counted as a product",
        A,
        ROOM + "selection:_Frontier._ratios",
        "(degree + 1) / (run + 1)",
        "(degree + 1) / 1",
        (LARGEST,),
    ),
    Fault(
        "every component by the energy of the first",
        A,
        ROOM + "selection:choose_monomials",
        "frontier.energies(weight, squares)",
        "frontier.energies(weights[degree].T[0], squares)",
        (LARGEST,),
    ),
    Fault(
        "single coordinates alone",
        A,
        ROOM + "selection:choose_monomials",
        "range(1, highest + 1)",
        "range(1, min(highest, 1) + 1)",
        (LARGEST, WHOLE, SAYS),
    ),
    Fault(
        "the frontier cut at a hundred times what counts",
        A,
        ROOM + "selection:choose_monomials",
        "_floor(found, budget) / bound if",
        "_floor(found, budget) * 100 / bound if",
        (LARGEST,),
    ),
    Fault(
        "the smallest energies chosen",
        A,
        ROOM + "selection:_cut",
        "np.argsort(-energies",
        "np.argsort(energies",
        (LARGEST, SAYS),
    ),
    Fault(
        "the best of each degree, not of all",
        A,
        ROOM + "selection:choose_monomials",
        "found = _cut(found + fresh, budget)",
        "found = _cut(_cut(found, budget - budget // 2) + fresh, budget)",
        (LARGEST,),
    ),
    # columns
    Fault(
        "zero monomials",
        A,
        ROOM + "feature_map:_Part.__call__",
        "out[:, self.columns] = product.T",
        "out[:, self.columns] = 0.0",
        (WRITTEN, WHOLE),
        rule=True,
    ),
    Fault(
        "norms of other rows",
        A,
        ROOM + "feature_map:PrincipalMap._block",
        "of_norms(norms, self.plan.n_features)",
        "of_norms(norms[::-1], self.plan.n_features)",
        (WRITTEN, "principal: rows_do_not_leak"),
        rule=True,
    ),
    Fault(
        "columns without their multiplicity",
        A,
        ROOM + "selection:multiplicity",
        "total *= (k + 1) / run",
        "total *= 1.0",
        (WRITTEN, WHOLE),
    ),
    Fault(
        "the multiplicity of a column, not its root",
        A,
        ROOM + "feature_map:_Part.__init__",
        "np.sqrt(multiplicity(indices))",
        "multiplicity(indices)",
        (WRITTEN, BELOW),
    ),
    Fault(
        "one component for all of a degree",
        A,
        ROOM + "feature_map:_Part.__call__",
        "components[self.component]",
        "components[0]",
        (WRITTEN, WHOLE),
    ),
    Fault(
        "the main direction among the axes of monomials",
        A,
        ROOM + "feature_map:PrincipalMap.__init__",
        "plan.axes[:, 1:]",
        "plan.axes",
        (WRITTEN, BELOW),
    ),
    Fault(
        "nothing along the main direction",
        A,
        ROOM + "feature_map:PrincipalMap._block",
        "np.asarray(unit @ self._direction)",
        "np.zeros(len(norms))",
        (WRITTEN, WHOLE),
    ),
    # designs and plans
    Fault(
        "an error as if squared",
        A,
        ROOM + "fitting:_measured",
        "error = math.sqrt(mean_square(target - found, population)) / size",
        "error = mean_square(target - found, population) / size",
        (SAYS,),
    ),
    Fault(
        "components of the first radial function alone",
        A,
        ROOM + "fitting:_Choice.components",
        "found: Array = powers @ self.mixing[degree]",
        "self.mixing[degree] = np.eye(powers.shape[1], min(1, powers.shape[1])); "
        "found: Array = powers @ self.mixing[degree]",
        (WHOLE, SAYS),
    ),
    Fault(
        "a plan writes its mixing in single precision",
        A,
        ROOM + "planning:PrincipalTerm.from_dict",
        'np.asarray(data["mixing"], dtype=float)',
        'np.asarray(data["mixing"], dtype=np.float32)',
        ("principal: is_fixed_by_its_plan",),
    ),
)
