"""Every claim of accuracy, held in both directions against the stored references."""

import dataclasses
import re

import numpy as np
import pytest
from accuracy_cases import CASES, Case
from accuracy_measure import measure
from write_accuracy import PAGE, method, shown

import dualact as da

#: Rounding: no claim can be told from less.
_ROUNDING = 1e-15


def _claim_holds(case, found, exact=True):
    claim = case.activation.accuracy
    assert claim is not None
    assert claim <= 1e-10
    assert found.nans == 0
    assert found.warnings == 0
    assert found.beyond == 0
    assert found.worst <= claim
    if exact:
        assert claim <= 100 * max(found.worst, _ROUNDING)


COMPUTED = [case for case in CASES if case.activation.dual is None]


@pytest.mark.parametrize("case", [c for c in CASES if c not in COMPUTED], ids=lambda c: c.label)
def test_claim_holds_in_both_directions(case):
    _claim_holds(case, measure(case))


@pytest.mark.parametrize("case", [c for c in COMPUTED if not c.params], ids=lambda c: c.label)
def test_claim_of_a_computed_dual_holds_on_a_few_triples(case):
    # sinc takes tenths of a second an entry at variance 1e4
    _claim_holds(case, measure(case, every=60 if case.name == "sinc" else 16, matrices=False), exact=False)


@pytest.mark.slow
@pytest.mark.parametrize("case", COMPUTED, ids=lambda c: c.label)
def test_claim_of_a_computed_dual_holds_in_both_directions(case):
    _claim_holds(case, measure(case))


def test_every_registered_activation_is_measured_at_its_defaults():
    table = da.activations(load=True)
    own = {k for k, row in table.items() if row.canonical in (k, None) and row.provider == "dualact"}
    assert own == {case.name for case in CASES}
    plain = {case.name for case in CASES if not case.params}
    # threshold has no defaults, as in PyTorch
    assert own - plain == {"threshold"}
    assert len({case.label for case in CASES}) == len(CASES)


def test_the_page_has_the_claims_of_today():
    page = PAGE.read_text(encoding="utf-8")
    rows = [re.split(r" *\| *", line)[1:-1] for line in page.splitlines() if line.startswith("| ")][1:]
    rows = {cells[0]: cells for cells in rows}
    assert rows.keys() == {case.label for case in CASES}
    for case in CASES:
        act = case.activation
        label, how, source, variances, *errors, claim = rows[case.label]
        assert (how, source, variances) == (method(act), act.source, case.range)
        assert float(claim) == pytest.approx(act.accuracy, rel=0.06)
        known = [float(e.removeprefix("< ")) for e in errors if e != "–"]
        # rounded up to 1, 2 or 5
        assert max(known) <= 2.5 * act.accuracy, label
        assert act.accuracy <= 100 * max(known), label


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_measuring_finds_what_is_wrong(name, monkeypatch):
    case = Case(name)
    good = measure(case, every=20, matrices=False)

    def altered(**fields):
        act = dataclasses.replace(case.activation, **fields)
        monkeypatch.setattr(Case, "activation", property(lambda self: act))
        return measure(case, every=20, matrices=False)

    assert good.worst < 1e-10
    right = da.activation(name)
    off = altered(dual=lambda c, p, q: da.dual(right, c, p, q) * (1 + 1e-7))
    assert 1e-8 < off.dual < 2e-7
    assert off.coefficients == good.coefficients
    swapped = altered(dual_prime=lambda c, p, q: da.dual(right, c, p, q))
    assert swapped.dual_prime > 0.01
    signs = altered(hermite=lambda q, n: np.abs(da.hermite(right, q, n)))
    assert signs.coefficients > 0.01
    with pytest.raises(da.PluginError, match="dual returned NaN"):
        altered(dual=lambda c, p, q: np.where(np.abs(c) < 1, da.dual(right, c, p, q), np.nan))


def test_errors_are_rounded_up():
    cases = {
        0.0: "< 1e-15",
        1e-15: "< 1e-15",
        1.01e-15: "2e-15",
        2e-13: "2e-13",
        5.1e-12: "1e-11",
        0.3: "5e-1",
    }
    assert {error: shown(error) for error in cases} == cases
    assert shown(None) == "–"
