"""check_activation, its report, the pytest cases and the quadrature behind them."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

import dualact as da
from dualact.testing.quadrature import moments
from dualact.testing.verdicts import Broken, agree

WRONG = dataclasses.replace(
    da.activation("erf"), dual=lambda c, p, q: 0.9 * da.activation("erf").dual(c, p, q)
)


def test_a_good_report():
    report = da.testing.check_activation("leaky_relu")
    assert report.ok
    assert bool(report)
    assert [v.law for v in report] == list(da.testing.LAWS)
    assert len(report.passed) + len(report.skipped) == len(da.testing.LAWS)
    assert report["price"].outcome == "passed"
    assert report["hermite_knows_parity"].message == "no parity is claimed"
    text = str(report)
    assert text.startswith("activation('leaky_relu', slope=0.01): 20 laws hold, 3 do not apply\n")
    assert "∂dual/∂cov = dual_prime" in text
    with pytest.raises(KeyError, match="nonsense"):
        report["nonsense"]


def test_a_broken_report_has_the_simplest_counterexample_and_a_line():
    report = da.testing.check_activation(WRONG)
    assert not report.ok
    broken = report["diagonal_is_the_second_moment"]
    assert broken.message.startswith(
        "dual on the diagonal against quadrature of phi^2 at variance = 1: got 0.41810"
    )
    assert broken.line == "import dualact as da; print(da.dual(act, 1.0, 1.0, 1.0))"
    text = str(report)
    assert "laws are broken" in text.splitlines()[0]
    assert f"try:  {broken.line}" in text
    with pytest.raises(AssertionError, match="FAILED  diagonal_is_the_second_moment"):
        da.testing.check_activation(WRONG, raise_on_failure=True)


def test_the_line_runs(capsys):
    for verdict in da.testing.check_activation(WRONG).failed:
        exec(verdict.line, {"act": WRONG})
        assert capsys.readouterr().out.strip(), verdict.law


def test_the_line_names_a_registered_activation():
    def twice(slope: float = 1.0) -> da.Activation:
        return da.Activation("twice", lambda t: slope * t, lambda c, p, q: 2 * slope * slope * c)

    da.register("twice", twice)
    try:
        report = da.testing.check_activation(da.activation("twice", slope=3))
        line = report["diagonal_is_the_second_moment"].line
        assert (
            line == "import dualact as da; print(da.dual(da.activation('twice', slope=3.0), 1.0, 1.0, 1.0))"
        )
    finally:
        da.unregister("twice")


def test_a_plugin_that_raises_is_a_failure_not_a_crash():
    def dual(cov, var_u, var_v):
        raise RuntimeError("out of cheese")

    report = da.testing.check_activation(da.Activation("broken", np.tanh, dual))
    assert report["duals_are_symmetric"].message == "raised RuntimeError: out of cheese"
    assert report["phi_is_vectorised"].outcome == "passed"


def test_chosen_laws():
    assert [v.law for v in da.testing.check_activation("relu", laws=["price"])] == ["price"]
    with pytest.raises(da.DualactError, match="there is no law 'prise'; the laws are phi_is_vectorised, "):
        da.testing.check_activation("relu", laws=["prise"])


def test_a_kernel_without_a_function_skips_what_needs_one():
    report = da.testing.check_activation("normalized_gaussian")
    assert report.ok
    assert report["price"].outcome == "passed"
    assert report["closed_forms_are_what_phi_gives"].message == "a kernel only: it has no pointwise function"


def test_a_narrow_domain_is_respected():
    report = da.testing.check_activation(da.activation("gaussian", rate=0.2))
    assert report.ok, str(report)
    assert report["mehler_sums_to_the_dual"].outcome == "passed"


def test_cases_have_stable_names_and_expected_failures():
    act = da.activation("leaky_relu", slope=0.1)
    expected = {"price": "for the sake of argument"}
    decorate = da.testing.parametrize_with_activation_checks(
        ["relu", act, act], expected_failed_checks=lambda a: expected if a.name == "relu" else {}
    )

    @decorate
    def test_laws(act, check):
        check(act)

    (mark,) = test_laws.pytestmark
    ids = [case.id for case in mark.args[1]]
    assert len(ids) == len(set(ids)) == 3 * len(da.testing.LAWS)
    assert {"relu-price", "leaky_relu(slope=0.1)-price", "leaky_relu(slope=0.1)#2-price"} <= set(ids)
    marked = [case.id for case in mark.args[1] if case.marks]
    assert marked == ["relu-price"]
    law, check = mark.args[1][0].values
    assert repr(check) == "phi_is_vectorised"
    check(law)
    skipped = next(c for c in mark.args[1] if c.id == "relu-hermite_knows_parity")
    with pytest.raises(pytest.skip.Exception, match="no parity is claimed"):
        skipped.values[1](skipped.values[0])


def test_importing_the_laws_needs_neither_pytest_nor_hypothesis():
    code = (
        "import sys, dualact as da; da.testing.check_activation('relu'); da.testing.reference_dual; "
        "print([m for m in ('pytest', 'hypothesis') if m in sys.modules]); "
        "da.testing.strategies; print('hypothesis' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split("\n")[:2] == ["[]", "True"]
    assert "check_activation" in dir(da.testing)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = da.testing.nonsense


@pytest.mark.parametrize("variance", [1e-6, 0.3, 1.0, 100.0])
def test_quadrature_of_relu(variance):
    found, square = moments(da.activation("relu"), variance, 4)
    unit = [1 / math.sqrt(2 * math.pi), 0.5, 0.5 / math.sqrt(math.pi), 0.0, -1 / math.sqrt(48 * math.pi)]
    np.testing.assert_allclose(found, np.sqrt(variance) * np.array(unit), rtol=1e-13, atol=1e-15)
    assert square == pytest.approx(variance / 2, rel=1e-13)


def test_quadrature_refuses_what_it_cannot_settle():
    assert moments(da.Activation("rough", lambda t: np.sin(1e4 * t)), 1.0, 2) is None
    assert moments(da.Activation("steep", lambda t: np.exp(t * t / 3)), 1.0, 2) is None
    growing, square = moments(da.activation("exp"), 25.0, 2)
    assert growing[0] == pytest.approx(math.exp(12.5), rel=1e-12)
    assert square == pytest.approx(math.exp(50.0), rel=1e-12)


def test_agree_shows_the_first_and_counts_the_rest():
    with pytest.raises(
        Broken, match=r"^it at x = 2: got 5, expected 1 ± 0\.1 \(2 of 3 points disagree, by up to"
    ):
        agree([1.0, 5.0, np.nan], 1.0, 0.1, "it", "print({x!r})", {"x": [1.0, 2.0, 3.0]})
    agree([np.inf, 1.0], [np.inf, 1.05], 0.1, "it", "")


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "dual must return an array of real numbers"),
        (np.nan, "dual returned NaN"),
        (np.inf, "dual in closed form is finite at none of the variances tried"),
        (np.ones(7), "dual must return an array of shape"),
    ],
)
def test_a_dual_that_returns_garbage_is_broken(returned, words):
    act = da.Activation("garbage", np.tanh, dual=lambda c, p, q: returned)
    report = da.testing.check_activation(act, laws=["duals_are_symmetric"])
    assert words in report["duals_are_symmetric"].message


def test_a_function_without_a_dual_has_no_edges_to_look_at():
    """An undeclared kink: every variance is refused, that of zero with the rest."""
    kinked = da.Activation(name="kinked", phi=lambda t: np.maximum(t - 0.3, 0.0))
    report = da.testing.check_activation(kinked, laws=["duals_stay_numbers_at_the_edges"])
    (verdict,) = report
    assert verdict.outcome == "skipped"
    assert verdict.message == "the dual can be had at none of the variances tried"
