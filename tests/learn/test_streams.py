"""Tables in chunks: arrays, files, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import dualact as da
from dualact.errors import DualactError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((25, 3))
y = RNG.standard_normal(25)
W = RNG.random(25)
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y, "z": 2 * y, "w": W})


def joined(parts, place=0):
    return np.concatenate([np.asarray(part[place]) for part in parts])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for name, values in (("X", X), ("y", y), ("w", W)):
        np.save(folder / f"{name}.npy", values)
    FRAME.to_csv(folder / "t.csv", index=False)
    FRAME.to_csv(folder / "t.csv.gz", index=False)
    for i in range(2):
        FRAME.iloc[i * 13 : (i + 1) * 13].to_csv(folder / f"part{i}.csv", index=False)
    return folder


@pytest.mark.parametrize("rows", [1, 4, 25, 100])
def test_arrays_in_chunks(rows):
    parts = da.chunks(X, y, rows=rows)
    for _ in range(2):  # again and again
        found = list(parts)
        assert [len(part[0]) for part in found] == [rows] * (25 // rows) + [25 % rows] * (25 % rows > 0)
        assert np.array_equal(joined(found), X)
        assert np.array_equal(joined(found, 1), y)
    assert parts.n_rows == 25
    weighted = da.chunks(X, y, sample_weight=W, rows=rows)
    assert np.array_equal(joined(weighted, 2), W)


def test_starting_later(folder):
    for parts in (
        da.chunks(X, y, rows=4),
        da.chunks(folder / "X.npy", y, rows=4),
        da.chunks(folder / "t.csv", target="y", columns=["a", "b", "c"], rows=4),
    ):
        rest = list(parts.start_at(3))
        assert len(rest) == 4
        assert np.allclose(joined(rest), X[12:])
        assert list(parts.start_at(7)) == []
    with pytest.raises(DualactError, match=r"must have the same number of rows. Got X 25, y 24"):
        da.chunks(X, y[:24])


def test_npy_files(folder):
    parts = da.chunks(str(folder / "X.npy"), folder / "y.npy", sample_weight=folder / "w.npy", rows=10)
    found = list(parts)
    assert np.array_equal(joined(found), X)
    assert np.array_equal(joined(found, 1), y)
    assert np.array_equal(joined(found, 2), W)
    assert not isinstance(found[0][0], np.memmap)
    mapped = list(da.chunks(np.load(folder / "X.npy", mmap_mode="r"), y, rows=10))
    assert np.array_equal(joined(mapped), X)


def test_sparse_rows_and_frames():
    thin = sparse.csr_array(X * (X > 0))
    found = list(da.chunks(thin, y, rows=10))
    assert np.array_equal(sparse.vstack([part[0] for part in found]).toarray(), thin.toarray())
    frames = list(da.chunks(FRAME[["a", "b"]], FRAME["y"], rows=10))
    assert list(frames[1][0].columns) == ["a", "b"]
    assert np.array_equal(joined(frames), X[:, :2])


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", ["part0.csv", "part1.csv"]], ids=str)
def test_csv(folder, name):
    source = [folder / n for n in name] if isinstance(name, list) else folder / name
    found = list(da.chunks(source, target="y", columns=["c", "a"], rows=10))
    assert np.allclose(joined(found), X[:, [2, 0]])
    assert np.allclose(joined(found, 1), y)
    assert list(found[0][0].columns) == ["c", "a"]
    everything = list(da.chunks(source, target=["y", "z"], sample_weight="w", rows=10))
    assert list(everything[0][0].columns) == ["a", "b", "c"]
    assert np.allclose(joined(everything, 1), np.stack([y, 2 * y], axis=1))
    assert np.allclose(joined(everything, 2), W)


def test_parquet(folder):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    FRAME.to_parquet(folder / "t.parquet", row_group_size=7)
    found = list(da.chunks(folder / "t.parquet", target="y", columns=["a", "b", "c"], rows=10))
    assert [len(part[0]) for part in found] == [10, 10, 5]
    assert np.array_equal(joined(found), X)
    assert np.array_equal(joined(found, 1), y)


def test_files_fit_as_arrays_do(folder):
    whole = da.StreamingRidge().fit(X, y, sample_weight=W)
    for parts in (
        da.chunks(X, y, sample_weight=W, rows=4),
        da.chunks(folder / "X.npy", folder / "y.npy", sample_weight=folder / "w.npy", rows=7),
        [(X[:20], y[:20], W[:20]), [X[20:], y[20:], W[20:]]],
        ((X[i : i + 5], y[i : i + 5], W[i : i + 5]) for i in range(0, 25, 5)),
    ):
        assert np.allclose(da.StreamingRidge().fit_chunks(parts).predict(X), whole.predict(X))
    named = da.StreamingRidge().fit_chunks(
        da.chunks(folder / "t.csv", target="y", columns=["a", "b", "c"], sample_weight="w", rows=6)
    )
    assert named.feature_names_in_.tolist() == ["a", "b", "c"]
    assert np.allclose(named.predict(FRAME[["a", "b", "c"]]), whole.predict(X))


@pytest.mark.parametrize(
    ("args", "params", "match"),
    [
        ((X, y), {"rows": 0}, r"rows must be an int in the range \[1, inf\). Got 0"),
        ((X, y), {"rows": True}, "Got True"),
        ((X, y), {"rows": 2.5}, "Got 2.5"),
        ((X, y), {"target": "y"}, "target and columns name columns of CSV and Parquet files; give y"),
        ((X,), {}, "y must be an array, .* or the path of a file. Got NoneType"),
        ((iter([]), y), {}, "X must be an array, .*needs no chunks.*give it to fit_chunks"),
        ((["X.npy", "X.npy"], y), {}, "give one .npy file, or iterate over"),
        (("t.csv",), {}, "with .csv files, name the column .* of y as target"),
        (("t.csv", y), {"target": "y"}, "name the column"),
        (("t.csv",), {"target": "y", "sample_weight": W}, "sample_weight is the name of a column"),
        (("no.csv",), {"target": "y"}, "there is no file .*no.csv"),
        (("t.txt",), {}, "files must end in .npy, .csv, .parquet, all alike. Got t.txt"),
        ((["t.csv", "X.npy"],), {}, "all alike. Got t.csv, X.npy"),
        (("X.npy", "t.csv"), {}, "files must end in .npy, all alike. Got t.csv"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value[:20],
)
def test_sources_that_are_refused(folder, monkeypatch, args, params, match):
    monkeypatch.chdir(folder)
    (folder / "t.txt").touch()
    with pytest.raises(DualactError, match=match):
        da.chunks(*args, **params)


def test_a_column_that_is_missing(folder):
    with pytest.raises(DualactError, match=r"t.csv has no column 'q'. There are: a, b, c, y, z, w"):
        list(da.chunks(folder / "t.csv", target="q"))
