"""Shapes of circuits: segments, products, trees."""

import pytest

from dualact.sketch.circuit import Builder, Segment, segments
from dualact.sketch.product import product_circuit
from dualact.sketch.tree import leaf_degree, tree_circuit, tree_width


@pytest.mark.parametrize("rows", [1, 5, 63, 64, 65, 300, 585, 1024, 1500, 5000])
@pytest.mark.parametrize("largest", [1, 2, 16, 64, 512, 1024])
def test_segments_hold_the_rows(rows, largest):
    parts = segments(rows, largest)
    assert sum(s.used for s in parts) == rows
    for s in parts:
        assert s.size & (s.size - 1) == 0
        assert 1 <= s.used <= s.size <= largest
    assert sum(s.size for s in parts) < max(2 * rows, rows + min(largest, 64))


def test_product_is_one_node():
    circuit = product_circuit(20, 3, 101)
    (node,) = circuit.nodes
    assert [f.source for f in node.factors] == [-1, -1, -1]
    assert (node.rows, node.columns, node.degree) == (51, 101, 3)
    assert product_circuit(20, 3, 101, real=True).nodes[0].rows == 101


def _degree(circuit, source):
    """Degree of a source, and the set of inner nodes below it: every node must be used once only."""
    if source < 0:
        return -source, set()
    degree, below = 0, {source}
    for f in circuit.nodes[source].factors:
        d, nodes = _degree(circuit, f.source)
        assert not below & nodes, "factors must be independent"
        degree += d
        below |= nodes
    return degree, below


@pytest.mark.parametrize("d", [1, 3, 9, 64, 384, 5000])
@pytest.mark.parametrize("k", range(1, 20))
@pytest.mark.parametrize("columns", [1, 50, 1000])
def test_trees_have_the_degree_and_independent_factors(d, k, columns):
    circuit = tree_circuit(d, k, columns)
    degree, below = _degree(circuit, len(circuit.nodes) - 1)
    assert degree == k
    assert below == set(range(len(circuit.nodes)))
    assert circuit.nodes[-1].columns == columns
    assert all(len(n.factors) <= 2 for n in circuit.nodes)


def test_exact_leaves_where_they_fit():
    assert leaf_degree(9, 1024, 8) == 4  # C(12, 4) = 495
    assert leaf_degree(64, 1024, 8) == 2  # C(65, 2) = 2080
    assert leaf_degree(384, 1024, 8) == 1
    assert tree_circuit(9, 8, 1024).powers == (4,)
    assert tree_circuit(64, 7, 1024).powers == (1, 2)


def test_width_follows_the_columns():
    assert [tree_width(D) for D in (1, 64, 512, 760, 780)] == [64, 64, 512, 512, 1024]
    wide = tree_circuit(384, 8, 1000)
    assert {n.rows for n in wide.nodes[:-1]} == {1024}
    assert [len(n.factors) for n in wide.nodes] == [2] * 7 + [1]


def test_builder_cuts_long_inputs_by_the_longest_factor():
    node = Builder(100).output([-1, -2], 300, 3, real=True).nodes[0]
    assert node.segments == (Segment(512, 300),)
    assert [f.order for f in node.factors] == [128, 8192]
