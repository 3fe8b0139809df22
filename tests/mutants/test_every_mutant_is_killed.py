"""The laws hold, every planted fault is killed by the first law that is there for it, and none is idle.

The whole table, every fault against every law that could see it, is made by ``run.py --matrix``.
"""

from __future__ import annotations

import os

import pytest

if not hasattr(os, "fork"):
    pytest.skip("each fault is planted in a forked process", allow_module_level=True)

from cases import CASES
from faults import FAULTS
from nursery import Nursery
from run import SEEN_BY, laws_for


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.close()


INSISTED_ON = list(dict.fromkeys(fault.killers[0] for fault in FAULTS.values()))


@pytest.mark.parametrize("area", dict.fromkeys(law.split(":")[0] for law in INSISTED_ON))
def test_healthy_laws_hold(nursery, area):
    """A kill says something only if the law lets the healthy library live."""
    laws = [law for law in INSISTED_ON if law.split(":")[0] == area]
    assert nursery.try_out(None, laws) == dict.fromkeys(laws, "alive")


@pytest.mark.slow
@pytest.mark.parametrize("law", [law for law in CASES if law not in INSISTED_ON])
def test_the_other_laws_hold(nursery, law):
    assert nursery.try_out(None, [law]) == {law: "alive"}


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_killed(nursery, name):
    law = FAULTS[name].killers[0]
    verdict = nursery.try_out(name, [law])[law]
    assert verdict.startswith("killed"), f"{verdict}; try: python tests/mutants/run.py {name!r}"


def test_every_area_has_its_faults():
    by_area = {area: [f.name for f in FAULTS.values() if f.area == area] for area in SEEN_BY}
    assert {f.area for f in FAULTS.values()} <= set(SEEN_BY)
    assert all(len(names) >= 10 for names in by_area.values()), by_area
    for fault in FAULTS.values():
        assert set(fault.killers) <= set(laws_for(fault.area)), fault.name


def test_the_faults_that_the_house_rules_name():
    """Zero map, constant map, a name that is another function, another Hermite basis, a lost bias, reused
    seeds, coefficients of one variance, swapped norms: at several places each."""
    named = [f.name for f in FAULTS.values() if f.rule]
    for words, least in {
        "zero": 3,
        "constant": 3,
        "log_sigmoid": 1,
        "Hermite": 2,
        "bias dropped": 4,
        "seed": 4,
        "unit-variance": 4,
        "norm": 5,
    }.items():
        assert sum(words in name for name in named) >= least, words


def test_a_fault_that_cannot_be_planted_is_no_success():
    from planting import Fault, plant

    with pytest.raises(LookupError, match="occurs 0 times"):
        plant(Fault("nonsense", "exact", "exact.recursion:inverse_root", "no such text", "", ()))
