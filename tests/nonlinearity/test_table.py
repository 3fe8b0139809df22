"""The table of activations: a read-only mapping that prints itself."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict
from html.parser import HTMLParser

import pytest

from dualact.nonlinearity.binding import Parameter
from dualact.nonlinearity.table import ActivationRow, ActivationTable

TABLE = ActivationTable(
    [
        ActivationRow("zeta", "elsewhere", False),
        ActivationRow(
            "leaky_relu", "dualact", True, (Parameter("slope", 0.01),), "exact", ("nngp", "ntk"), "leaky_relu"
        ),
        ActivationRow("swish", "dualact", True, (), "computed", ("nngp",), "silu"),
        ActivationRow("bad", "<b>", False, error="activation 'bad' cannot be loaded"),
    ]
)


def test_it_prints_as_a_table():
    assert repr(TABLE) == (
        "name            parameters  dual      kernels    provider   loaded\n"
        "--------------  ----------  --------  ---------  ---------  ------\n"
        "bad                                              <b>        broken\n"
        "leaky_relu      slope=0.01  exact     nngp, ntk  dualact    yes\n"
        "swish (= silu)              computed  nngp       dualact    yes\n"
        "zeta                                             elsewhere  no\n"
        "4 activations, 2 loaded; activations(load=True) fills in the rest"
    )


def test_it_is_a_mapping_sorted_by_name():
    assert list(TABLE) == ["bad", "leaky_relu", "swish", "zeta"]
    assert len(TABLE) == 4
    assert "swish" in TABLE
    assert TABLE["swish"].canonical == "silu"
    assert TABLE.get("nope") is None
    with pytest.raises(KeyError):
        TABLE["nope"]


def test_it_is_read_only():
    with pytest.raises(TypeError):
        TABLE["x"] = TABLE["zeta"]
    with pytest.raises(TypeError):
        del TABLE["zeta"]
    with pytest.raises(FrozenInstanceError):
        TABLE["zeta"].loaded = True


def test_rows_become_records():
    assert asdict(TABLE["leaky_relu"])["parameters"][0]["default"] == 0.01


class _Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_its_html_says_the_same_and_escapes():
    parser = _Cells()
    parser.feed(TABLE._repr_html_())
    assert parser.open == []
    assert parser.rows[0] == ["name", "parameters", "dual", "kernels", "provider", "loaded"]
    assert parser.rows[1] == ["bad", "", "", "", "<b>", "broken"]
    assert parser.rows[2] == ["leaky_relu", "slope=0.01", "exact", "nngp, ntk", "dualact", "yes"]
    assert len(parser.rows) == 5
    assert "4 activations, 2 loaded" in TABLE._repr_html_()


def test_a_table_with_everything_loaded_gives_no_hint():
    assert repr(ActivationTable([])).endswith("0 activations, 0 loaded")
    assert repr(ActivationTable([TABLE["swish"], TABLE["bad"]])).endswith("2 activations, 1 loaded")
