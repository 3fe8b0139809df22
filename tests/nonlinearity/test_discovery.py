"""Entry points are read as data: who claims which name, by whose rank, and nothing imported."""

from __future__ import annotations

import sys
import warnings
from importlib import metadata

import pytest

from dualact.errors import PluginError, PluginWarning
from dualact.nonlinearity.discovery import GROUP, HOUSE, Claim, scan


def test_a_claim_says_name_value_and_provider(distribution, site):
    distribution("Some-Plugin", first="some_module:make [extra]", second="some_module : other.attribute")
    found = scan([str(site)])
    assert {n: [(c.value, c.provider) for c in claims] for n, claims in found.items()} == {
        "first": [("some_module:make", "Some-Plugin")],
        "second": [("some_module:other.attribute", "Some-Plugin")],
    }
    assert found["first"][0].origin == ("distribution 'Some-Plugin' (entry point 'first = some_module:make')")
    assert not found["first"][0].builtin
    assert "some_module" not in sys.modules


def test_other_groups_and_distributions_without_entry_points_are_passed_over(site):
    for name, text in (("other", "[console_scripts]\nrun = m:main\n"), ("none", None)):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\n")
        if text:
            (info / "entry_points.txt").write_text(text)
    assert scan([str(site)]) == {}


def test_sys_path_is_where_it_looks(distribution):
    distribution("found-on-path", zz_on_path="m:f")
    assert [c.provider for c in scan()["zz_on_path"]] == ["found-on-path"]


def test_a_distribution_seen_twice_counts_once_and_the_first_wins(tmp_path, write_metadata):
    for folder, value in (("first", "m:new"), ("second", "m:old")):
        write_metadata(tmp_path / folder, "twice-here", f"[dualact.activations]\nname = {value}\n")
    path = [str(tmp_path / "first"), str(tmp_path / "second")]
    assert [c.value for c in scan(path)["name"]] == ["m:new"]
    assert [c.value for c in scan(path[::-1])["name"]] == ["m:old"]


def test_a_distribution_hidden_by_another_version_of_itself_offers_nothing(tmp_path, write_metadata):
    write_metadata(tmp_path / "new", "grown-up", "[console_scripts]\nrun = m:main\n")
    write_metadata(tmp_path / "old", "grown_up", "[dualact.activations]\nname = m:f\n")
    assert scan([str(tmp_path / "new"), str(tmp_path / "old")]) == {}
    assert list(scan([str(tmp_path / "old"), str(tmp_path / "new")])) == ["name"]


def test_the_house_comes_first_and_equal_values_are_one_claim(distribution, site):
    distribution("aardvark", relu="aardvark:relu", gelu="dualact.registry.gelu:gelu")
    distribution("dualact", relu="dualact.registry.relu:relu", gelu="dualact.registry.gelu:gelu")
    found = scan([str(site)])
    assert [c.provider for c in found["relu"]] == ["dualact", "aardvark"]
    assert [c.provider for c in found["gelu"]] == ["dualact"]
    assert found["relu"][0].builtin


def test_a_claim_loads_its_object_and_that_alone(distribution, site):
    distribution(
        "two-modules",
        {"mod_one": "value = 1\n", "mod_two": "value = 2\n"},
        one="mod_one:value",
        two="mod_two:value",
    )
    assert scan([str(site)])["two"][0].load() == 2
    assert "mod_two" in sys.modules
    assert "mod_one" not in sys.modules


@pytest.mark.parametrize(
    ("code", "value", "what"),
    [
        (
            "import nothing_of_that_name",
            "mod_bad:x",
            "ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("x =", "mod_bad:x", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "mod_bad:x", "SystemExit: 3"),
        ("1 / 0", "mod_bad:x", "ZeroDivisionError: division by zero"),
        ("", "mod_bad:x", "AttributeError: module 'mod_bad' has no attribute 'x'"),
        ("", "not a module", "activation 'bad'"),
    ],
)
def test_a_broken_plugin_is_named(distribution, site, code, value, what):
    distribution("culprit", {"mod_bad": code}, bad=value)
    with pytest.raises(PluginError, match="Repair, update or uninstall 'culprit'") as caught:
        scan([str(site)])["bad"][0].load()
    assert what in str(caught.value)
    assert "activation 'bad' of distribution 'culprit' (entry point 'bad = " in str(caught.value)


def test_unreadable_entry_points_warn_and_hurt_nobody_else(distribution, site):
    distribution("healthy", good="m:f")
    info = site / "sick-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: sick\n")
    (info / "entry_points.txt").write_text("[dualact.activations]\nno equals sign\n")
    with pytest.warns(PluginWarning, match="distribution 'sick': its entry points cannot be read"):
        found = scan([str(site)])
    assert list(found) == ["good"]


def test_metadata_that_is_missing_or_not_text_is_survived(distribution, site):
    distribution("healthy", good="m:f")
    for name, content in (
        ("nameless", b"[dualact.activations]\nanonymous = m:g\n"),
        ("binary", b"\xff\xfe\x00"),
    ):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about missing metadata
        found = scan([str(site)])
    assert found["good"][0].provider == "healthy"
    assert found["anonymous"][0].provider.startswith("unnamed distribution in ")


def test_a_source_folder_that_hides_the_registry_is_named():
    entry = metadata.EntryPoint("relu", "dualact.no_registry:relu", GROUP)
    with pytest.raises(PluginError, match=r"imported from .*source folder.*python -P"):
        Claim("relu", entry.value, HOUSE, entry).load()
