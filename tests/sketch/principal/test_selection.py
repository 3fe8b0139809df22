"""The search for the monomials of largest energy, against all monomials there are."""

import itertools
import math

import numpy as np
import pytest
from effort import times
from hypothesis import given
from hypothesis import strategies as st

from dualact.sketch.principal.selection import choose_monomials, multiplicity

RNG = np.random.default_rng(0)


def coordinates(s, p, decay=0.7, number=0):
    """Rows of norm one at most, in axes of falling importance."""
    rng = np.random.default_rng(number)
    u = rng.standard_normal((s, p)) * decay ** np.arange(p)
    u *= (rng.uniform(0.2, 1, s) / np.linalg.norm(u, axis=1))[:, None]
    return u[:, np.argsort(-(u**2).mean(axis=0))]


def components(s, counts, number=1):
    """From a degree to that many functions on s rows."""
    rng = np.random.default_rng(number)
    tables = [rng.uniform(0.2, 1, (s, c)) * 0.6 ** np.arange(c) / (j + 1) for j, c in enumerate(counts)]
    return tables.__getitem__


def multinomial(factors):
    return math.factorial(len(factors)) // math.prod(math.factorial(factors.count(i)) for i in {*factors})


def all_energies(u, functions, highest):
    """(degree, component, factors) -> mean of z², of every monomial."""
    found = {}
    for degree in range(highest + 1):
        squares = functions(degree) ** 2
        for factors in itertools.combinations_with_replacement(range(u.shape[1]), degree):
            powers = multinomial(factors) * np.prod(u[:, list(factors)] ** 2, axis=1)
            for c, energy in enumerate(np.mean(squares * powers[:, None], axis=0)):
                found[degree, c, factors] = energy
    return found


def chosen_energies(chosen):
    found = {}
    for one in chosen:
        assert one.indices.shape == (len(one.energy), one.degree)
        assert len(one.energy)
        assert (np.diff(one.energy) <= 0).all()
        for factors, energy in zip(one.indices.tolist(), one.energy, strict=True):
            assert factors == sorted(factors)
            found[one.degree, one.component, tuple(factors)] = energy
    assert len(found) == sum(len(one.energy) for one in chosen)
    order = [(one.degree, one.component) for one in chosen]
    assert order == sorted({*order})
    return found


def holds_the_largest(u, functions, budget, highest):
    """The energies are right, and those of the chosen ones add up to the most that so many can have."""
    every = all_energies(u, functions, highest)
    found = chosen_energies(choose_monomials(u, functions, budget, highest))
    size = max(every.values())
    for place, energy in found.items():
        assert energy == pytest.approx(every[place], rel=1e-5, abs=1e-7 * size)
    best = sorted((e for e in every.values() if e > 0), reverse=True)[:budget]
    assert len(found) == len(best)
    assert sum(every[place] for place in found) >= (1 - 1e-5) * sum(best)
    return found


@pytest.mark.parametrize("budget", [1, 2, 7, 40, 200, 10_000])
@pytest.mark.parametrize("decay", [0.3, 0.7, 1.0])
def test_the_largest_of_all(decay, budget):
    u, functions = coordinates(60, 5, decay), components(60, [2, 3, 1, 2, 2])
    found = holds_the_largest(u, functions, budget, 4)
    if budget == 10_000:  # all there are
        assert len(found) == sum(c * math.comb(4 + j, j) for j, c in enumerate([2, 3, 1, 2, 2]))


@times(0.5)
@given(st.integers(1, 5), st.floats(0.2, 1), st.integers(1, 300), st.integers(0, 4), st.integers(0, 2**31))
def test_the_largest_of_all_over_drawn_rows(p, decay, budget, highest, number):
    counts = np.random.default_rng(number).integers(0, 4, highest + 1)
    counts[0] = max(counts[0], 1)
    u = coordinates(30, p, decay, number)
    holds_the_largest(u, components(30, counts.tolist(), number), budget, highest)


def test_more_rows_than_a_table_of_the_frontier_has_room_for(monkeypatch):
    from dualact.sketch.principal import selection

    u, functions = coordinates(4000, 4), components(4000, [1, 1, 1])
    whole = chosen_energies(choose_monomials(u, functions, 12, 2))
    monkeypatch.setattr(selection, "_CELLS", 256 * 300)
    part = chosen_energies(choose_monomials(u, functions, 12, 2))
    assert len(part) == len(whole) == 12
    assert part != whole
    assert sum(part.values()) == pytest.approx(sum(whole.values()), rel=0.1)


@pytest.mark.parametrize("budget", [1, 3, 10])
def test_without_axes_there_are_functions_alone(budget):
    functions = components(20, [3, 2])
    chosen = choose_monomials(np.zeros((20, 0)), functions, budget, 1)
    assert [c.degree for c in chosen] == [0] * min(budget, 3)
    assert all(c.indices.shape == (1, 0) for c in chosen)


def test_degree_zero_is_enough_where_nothing_higher_is_asked_for():
    u = coordinates(20, 3)
    assert {one.degree for one in choose_monomials(u, components(20, [2]), 5, 0)} == {0}


def test_degrees_without_a_component_are_gone_through():
    u, functions = coordinates(40, 4), components(40, [1, 0, 0, 1, 0])
    found = holds_the_largest(u, functions, 15, 4)
    assert {degree for degree, _, _ in found} == {0, 3}


def test_a_frontier_wider_than_the_budget():
    """Among four products of degree 4 that carry most is one whose first factors are not among the first
    four."""
    holds_the_largest(coordinates(12, 4, 0.8, 72), components(12, [1, 0, 0, 0, 1], 72), 4, 4)


def test_nothing_is_chosen_of_a_kernel_that_is_zero():
    u = coordinates(10, 3)
    assert choose_monomials(u, lambda degree: np.zeros((10, 0)), 5, 3) == []
    (one,) = choose_monomials(u, lambda degree: np.full((10, 1), float(degree == 0)), 5, 3)
    assert (one.degree, one.energy.tolist()) == (0, [1.0])


def test_coordinates_that_are_zero_take_no_column():
    u = coordinates(30, 4)
    u[:, 2:] = 0
    found = chosen_energies(choose_monomials(u, components(30, [1, 1, 1]), 100, 2))
    assert len(found) == 1 + 2 + 3


def test_multiplicity_is_the_multinomial_coefficient():
    for degree in range(7):
        every = list(itertools.combinations_with_replacement(range(4), degree))
        indices = np.array(every, dtype=np.int64).reshape(len(every), degree)
        np.testing.assert_allclose(multiplicity(indices), [multinomial(f) for f in every], rtol=1e-13)
    assert multiplicity(np.array([[0] * 16, range(16)])) == pytest.approx([1.0, float(math.factorial(16))])


def test_squares_of_all_monomials_of_a_degree_add_up_to_the_power_of_the_norm():
    u = coordinates(5, 3)
    for degree in (1, 2, 5):
        indices = np.array(list(itertools.combinations_with_replacement(range(3), degree)))
        squares = multiplicity(indices) * np.prod(u[:, indices] ** 2, axis=2)
        np.testing.assert_allclose(squares.sum(axis=1), (u**2).sum(axis=1) ** degree, rtol=1e-12)
