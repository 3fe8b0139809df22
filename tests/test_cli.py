"""The command ``dualact``: what it writes, what it says, and that a failure leaves nothing behind."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import runpy
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

import dualact as da
from dualact import cli, demo

NETWORK = da.mlp(1, "relu", 1.4)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a network and rows in every form."""
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).standard_normal((50, 6))
    (tmp_path / "net.json").write_text(json.dumps(NETWORK.to_dict()))
    np.save("X64.npy", X)
    np.save("X32.npy", X.astype("float32"))
    np.save("Xint.npy", np.round(3 * X).astype(int))
    sparse.save_npz("X.npz", sparse.coo_matrix(np.where(X > 0, X, 0)))
    return tmp_path


def sketch(*more, X="X64.npy", network="net.json", output="Z.npy", components="64"):
    arguments = ["sketch", "--network", network, "--input", X, "--output", output]
    return cli.main([*arguments, "--n-components", components, *more])


def failed(capsys, status, command="sketch"):
    """The message on standard error of a command that failed as it should."""
    shown = capsys.readouterr()
    assert status == 2
    assert shown.err.startswith(f"dualact {command}: ")
    assert "Traceback" not in shown.err
    return shown.err


# ------------------------------------------------------------------------------- sketch


@pytest.mark.parametrize(
    ("X", "dtype"),
    [("X64.npy", "float64"), ("X32.npy", "float32"), ("Xint.npy", "float64"), ("X.npz", "float64")],
)
def test_sketch_gives_the_features_of_the_transformer(folder, capsys, X, dtype):
    assert sketch("--seed", "7", "--kind", "nngp", "--degree", "4", "--plan", "plan.json", X=X) == 0
    rows = sparse.load_npz(X).tocsr() if X.endswith("npz") else np.load(X)
    expected = da.SketchedNeuralKernel(NETWORK, "nngp", n_components=64, degree=4, random_state=7)
    features = np.load("Z.npy")
    assert features.dtype == dtype
    np.testing.assert_array_equal(features, expected.fit_transform(rows))
    dense = rows.toarray() if sparse.issparse(rows) else rows
    assert da.metrics.relative_error(da.kernel(NETWORK, dense, kind="nngp"), features) < 0.3

    document = json.loads((folder / "plan.json").read_text())
    assert (document["seed"], document["dtype"]) == (7, dtype)
    again = da.SketchedNeuralKernel.from_plan(document, random_state=document["seed"])
    np.testing.assert_array_equal(again.transform(rows), features)

    shown = capsys.readouterr()
    assert shown.out.startswith(f"{expected.plan_}\n")
    assert shown.out.endswith(f"wrote Z.npy: 50 rows of 64 features, {dtype}\n")
    assert shown.err == ""
    assert sorted(os.listdir()) == sorted(
        ["X.npz", "X32.npy", "X64.npy", "Xint.npy", "Z.npy", "net.json", "plan.json"]
    )


def test_seeds_make_maps(folder):
    assert sketch("--seed", "1") == sketch("--seed", "2", output="Z2.npy") == sketch(output="Z0.npy") == 0
    default = da.SketchedNeuralKernel(NETWORK, n_components=64, random_state=0).fit_transform(
        np.load("X64.npy")
    )
    np.testing.assert_array_equal(np.load("Z0.npy"), default)
    assert not np.array_equal(np.load("Z.npy"), np.load("Z2.npy"))


def test_output_may_be_the_input(folder):
    rows = np.load("X64.npy")
    assert sketch(output="X64.npy") == 0
    expected = da.SketchedNeuralKernel(NETWORK, n_components=64, random_state=0).fit_transform(rows)
    np.testing.assert_array_equal(np.load("X64.npy"), expected)


def _write(name, text):
    with open(name, "w", encoding="utf-8") as stream:
        stream.write(text)


BROKEN = {
    "input holds a NaN": (
        lambda: np.save("X64.npy", np.array([[np.nan, 1.0]])),
        {},
        "Input X contains NaN",
    ),
    "input is missing": (lambda: os.remove("X64.npy"), {}, "X64.npy"),
    "input is no array": (
        lambda: _write("X64.npy", "text"),
        {},
        "X64.npy is not an array as numpy.save writes it",
    ),
    "input is empty": (lambda: _write("X64.npy", ""), {}, "X64.npy is not an array as numpy.save writes it"),
    "input would need pickle": (
        lambda: np.save("X64.npy", np.array([{}], dtype=object), allow_pickle=True),
        {},
        "X64.npy is not an array as numpy.save writes it",
    ),
    "input is one row": (lambda: np.save("X64.npy", np.ones(3)), {}, "Expected 2D array, got 1D array"),
    "input is a broken matrix": (
        lambda: _write("X.npz", "text"),
        {"X": "X.npz"},
        "X.npz is not a sparse matrix as scipy.sparse.save_npz writes it",
    ),
    "input is another archive": (
        lambda: np.savez("X.npz", a=np.ones(3)),
        {"X": "X.npz"},
        "X.npz is not a sparse matrix as scipy.sparse.save_npz writes it",
    ),
    "network is missing": (lambda: os.remove("net.json"), {}, "there is no file 'net.json'."),
    "network is no JSON": (
        lambda: _write("net.json", "{'layers': "),
        {},
        "net.json is not JSON: Expecting property name",
    ),
    "network is bottomless JSON": (lambda: _write("net.json", "[" * 10**6), {}, "net.json is not JSON"),
    "network is no text": (
        lambda: os.replace("X64.npy", "net.json"),
        {},
        "net.json is not JSON: 'utf-8' codec can't decode",
    ),
    "network is another document": (
        lambda: _write("net.json", "[1]"),
        {},
        "Network.from_dict: expected a mapping",
    ),
    "network has no such layer": (
        lambda: _write("net.json", '{"version": 1, "layers": [{"layer": "Dens"}]}'),
        {},
        "layers[0]: layer must be one of",
    ),
    "network is ill-defined": (
        lambda: _write("net.json", '{"version": 1, "layers": [{"layer": "LayerNorm"}]}'),
        {},
        "layer 0 (LayerNorm()) comes first",
    ),
    "network has another width": (
        lambda: _write("net.json", json.dumps(da.Network(NETWORK, input_shape=(5,)).to_dict())),
        {},
        "X has 6 features, but the network was made for input_shape=(5,)",
    ),
    "folder is missing": (
        lambda: None,
        {"output": "no/Z.npy"},
        "the folder of no/Z.npy does not exist; make it first.",
    ),
    "components are none": (lambda: None, {"components": "0"}, "n_components"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_failures_are_one_sentence_and_no_file(folder, capsys, case):
    damage, options, sentence = BROKEN[case]
    damage()
    before = sorted(os.listdir())
    message = failed(capsys, sketch("--plan", "plan.json", **options))
    assert sentence in message
    assert sorted(os.listdir()) == before


def test_seed_and_degree_out_of_range(folder, capsys):
    assert "random_state must be between 0 and" in failed(capsys, sketch("--seed", "-1"))
    assert "degree" in failed(capsys, sketch("--degree", "-1"))
    assert "the folder of no/plan.json does not exist" in failed(capsys, sketch("--plan", "no/plan.json"))
    assert not os.path.exists("Z.npy")


@pytest.mark.parametrize("writer", ["numpy.save", "json.dump", "os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_leaves_no_file(folder, capsys, monkeypatch, writer):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, full)
    before = sorted(os.listdir())
    assert "No space left on device" in failed(capsys, sketch("--plan", "plan.json"))
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "features of a file of rows"),  # the whole help
        ([], "the following arguments are required: command"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["sketch"], "the following arguments are required: --network, --input, --output"),
        (["plan", "--network", "n", "--kind", "cntk"], "argument --kind: invalid choice: 'cntk'"),
        (["plan", "--network", "n", "--degree", "two"], "--degree: must be an integer or auto. Got 'two'"),
        (["plan", "--network", "n", "--n-components", "x"], "--n-components: invalid int value: 'x'"),
    ],
)
def test_wrong_arguments_exit_with_2(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_who_reads_may_stop_reading(monkeypatch):
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dualact", "activations"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        command.stdout.close()
        assert command.wait() == 0
        assert command.stderr.read() == b""


# ------------------------------------------------------------------------------- plan, info


def test_the_method_reaches_the_map(folder, capsys):
    assert sketch("--method", "monomials") == 0
    shown = capsys.readouterr().out
    expected = da.SketchedNeuralKernel(NETWORK, n_components=64, method="monomials", random_state=0)
    np.testing.assert_array_equal(np.load("Z.npy"), expected.fit_transform(np.load("X64.npy")))
    assert shown.startswith(f"{expected.plan_}\n")
    arguments = ["plan", "--network", "net.json", "--n-features", "6", "--n-components", "32"]
    assert cli.main([*arguments, "--method", "monomials"]) == 0
    assert capsys.readouterr().out.startswith("leading monomials of the NTK")
    assert "method must be one of" in failed(capsys, cli.main([*arguments, "--method", "taylor"]), "plan")


def test_plan_shows_what_would_run(folder, capsys):
    assert cli.main(["plan", "--network", "net.json", "--kind", "nngp"]) == 0
    assert capsys.readouterr().out == f"{da.plan(NETWORK, 'nngp')}\n"
    arguments = [
        "plan",
        "--network",
        "net.json",
        "--n-features",
        "6",
        "--n-components",
        "32",
        "--degree",
        "3",
    ]
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown == f"{da.plan(NETWORK, n_features=6, n_components=32, degree=3)}\n"
    assert "sketched NTK" in shown
    assert sorted(os.listdir()) == ["X.npz", "X32.npy", "X64.npy", "Xint.npy", "net.json"]


def test_plan_refuses_as_the_library_does(folder, capsys):
    assert "the number of features is not known" in failed(
        capsys, cli.main(["plan", "--network", "net.json", "--n-components", "32"]), "plan"
    )
    _write("net.json", json.dumps(da.mlp(1, "sign").to_dict()))
    assert "Ask for kind='nngp'" in failed(capsys, cli.main(["plan", "--network", "net.json"]), "plan")
    assert cli.main(["plan", "--network", "net.json", "--kind", "nngp"]) == 0


def test_info_names_versions_and_code(capsys):
    assert cli.main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["dualact"] == da.__version__
    assert lines["numpy"] == np.__version__
    assert {"python", "scipy", "scikit-learn", "hadamard", "sketch"} <= set(lines)
    assert {lines[name] for name in ("hadamard", "sketch", "patches")} <= {"compiled", "NumPy"}


def test_the_module_runs_as_a_command(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dualact", "info"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("dualact", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("dualact")


def test_the_exit_status_reaches_the_shell(folder):
    command = [sys.executable, "-m", "dualact", "plan", "--network", "missing.json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("dualact plan: ")
    assert "missing.json" in result.stderr


# ------------------------------------------------------------------------------- demo


@pytest.fixture
def small_demo(monkeypatch):
    """The demo on 200 digits and two widths, with a network that is planned quickly."""
    monkeypatch.setattr(demo, "_WIDTHS", (64, 192))
    monkeypatch.setattr(demo, "mlp", lambda *_, **__: da.mlp(1, "relu"))
    load = demo.load_digits
    monkeypatch.setattr(demo, "load_digits", lambda **k: tuple(part[:200] for part in load(**k)))


def test_demo_prints_errors_that_fall_and_accuracies(small_demo, capsys, tmp_path):
    picture = tmp_path / "demo.png"
    drawn = importlib.util.find_spec("matplotlib") is not None
    assert cli.main(["demo", *(["--picture", str(picture)] if drawn else [])]) == 0
    out = capsys.readouterr().out
    if drawn:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert out.endswith(f"wrote {picture}\n")
    assert "digits: 150 rows to train on, 50 to test on, 64 features" in out
    assert "sketched NTK of the Gaussian output: 64 features -> 192 components" in out
    table = {line.split("  ")[0]: line.split()[-5:] for line in out.splitlines() if "features  " in line}
    errors = [float(table[f"{width} features"][0]) for width in (64, 192)]
    assert 0 < errors[1] < errors[0] < 0.2
    exact = next(line for line in out.splitlines() if line.startswith("exact kernel"))
    assert float(exact.split()[4]) > 0.85
    assert float(table["192 features"][2]) > 0.85


def test_demo_without_matplotlib_says_so_before_it_works(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status = cli.main(["demo", "--picture", "x.png"])
    message = failed(capsys, status, "demo")
    assert "the picture needs matplotlib: pip install 'dualact[plot]', or leave --picture out." in message


@pytest.mark.slow
def test_demo_in_full(capsys):
    assert cli.main(["demo"]) == 0
    assert "4096 features" in capsys.readouterr().out
