"""Out of core: constant memory, resumed runs, chunks and disks that fail."""

import errno
import os
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

import dualact as da
from dualact.errors import CheckpointError, DualactError
from dualact.learn.checkpoints import write_checkpoint

RNG = np.random.default_rng(0)
X = RNG.standard_normal((95, 4)) + 1
y = np.sin(X @ np.arange(4.0))
LABELS = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 0.5])]
FEATURES = da.SketchedNeuralKernel(da.mlp(1, "relu"), n_components=24, random_state=0).fit(X)


class Killed(BaseException):
    """What no handler of errors may catch."""


def killed_after(count, parts):
    for i, part in enumerate(parts):
        if i == count:
            raise Killed
        yield part


def bits(model):
    state = [v for s in (model.statistics_, model.held_out_) for v in s.to_arrays().values()]
    return b"".join(np.ascontiguousarray(v).tobytes() for v in state)


@pytest.mark.parametrize("selection", ["gcv", "holdout"])
@pytest.mark.parametrize("Model", [da.StreamingRidge, da.StreamingRidgeClassifier])
@pytest.mark.parametrize("kind", ["Chunks", "list"])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path, Model, selection, kind):
    target = y if Model is da.StreamingRidge else LABELS
    parts = da.chunks(X, target, rows=10)
    parts = list(parts) if kind == "list" else parts
    whole = Model(selection=selection).fit_chunks(parts, transformer=FEATURES)
    path = tmp_path / "run.ckpt"
    for count in (0, 1, 4, 8):
        source = parts if kind == "list" else da.chunks(X, target, rows=10)
        if kind == "Chunks":
            object.__setattr__(source, "_open", lambda i, o=source._open, c=count: killed_after(c - i, o(i)))
        else:
            source = type("list", (), {"__iter__": lambda self, c=count: killed_after(c, parts)})()
        with pytest.raises(Killed):
            Model(selection=selection).fit_chunks(
                source, transformer=FEATURES, checkpoint=path, checkpoint_seconds=0
            )
        assert path.exists() == (count > 0)
    read = []
    rest = da.chunks(X, target, rows=10)
    if kind == "Chunks":
        object.__setattr__(rest, "_open", lambda i, o=rest._open: (read.append(i), o(i))[1])
    else:
        rest = parts
    model = Model(selection=selection).fit_chunks(rest, transformer=FEATURES, checkpoint=path)
    if kind == "Chunks":
        assert read == [8]  # chunks that are done are not even read
    assert bits(model) == bits(whole)
    Z = FEATURES.transform(X)
    assert np.array_equal(model.coef_, whole.coef_)
    assert np.array_equal(model.predict(Z), whole.predict(Z))
    again = Model(selection=selection).fit_chunks(parts, transformer=FEATURES, checkpoint=path)
    assert bits(again) == bits(whole)


def test_held_out_chunks_from_a_source_of_their_own(tmp_path):
    train, valid = da.chunks(X[:70], y[:70], rows=10), da.chunks(X[70:], y[70:], rows=10)
    model = da.StreamingRidge(selection="holdout").fit_chunks(train, held_out=valid)
    assert (model.statistics_.rows, model.held_out_.rows) == (70, 25)
    errors = [
        ((Ridge(alpha=a).fit(X[:70], y[:70]).predict(X[70:]) - y[70:]) ** 2).mean() for a in model.alphas
    ]
    assert np.allclose(model.scores_, errors)
    with pytest.raises(Killed):
        da.StreamingRidge(selection="holdout").fit_chunks(
            list(train), held_out=killed_after(1, valid), checkpoint=tmp_path / "c", checkpoint_seconds=0
        )
    resumed = da.StreamingRidge(selection="holdout").fit_chunks(
        list(train), held_out=(part for part in valid), checkpoint=tmp_path / "c"
    )
    assert bits(resumed) == bits(model)
    with pytest.raises(DualactError, match=r"held_out=...\) needs selection='holdout'.* Got selection='gcv'"):
        da.StreamingRidge().fit_chunks(train, held_out=valid)


@pytest.mark.parametrize("checkpoint", [True, False])
@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ((np.full((10, 4), np.nan), y[:10]), r"chunk 3 \(from row 30 on\): Input X contains NaN"),
        ((X[:10, :3], y[:10]), r"chunk 3 .*X has 3 features, but StreamingRidge is expecting 4"),
        ((X[:10], y[:9]), r"chunk 3 .*inconsistent numbers of samples"),
        ((X[:10], np.stack([y[:10]] * 2, axis=1)), r"chunk 3 .*y has shape \(10, 2\)"),
        ((np.full((10, 4), "a"), y[:10]), r"chunk 3 .*(could not convert|not compatible)"),
        ((X[:10], y[:10], -np.ones(10)), r"chunk 3 .*Negative values"),
        ((X[:10],), r"chunk 3 .*must be \(X, y\) or \(X, y, sample_weight\). Got 1 parts"),
        (X[:10], r"chunk 3 .*Got ndarray"),
        ((X[:0], y[:0]), r"chunk 3 .*0 sample"),
    ],
    ids=["NaN", "width", "lengths", "y", "text", "weights", "one part", "no pair", "empty"],
)
def test_a_bad_chunk_is_named_and_costs_nothing(tmp_path, bad, match, checkpoint):
    parts = list(da.chunks(X, y, rows=10))
    path = tmp_path / "c" if checkpoint else None
    model = da.StreamingRidge()
    with pytest.raises(DualactError, match=match) as caught:
        model.fit_chunks([*parts[:3], bad, *parts[4:]], checkpoint=path)
    assert "The 30 rows before it are kept in the estimator" in str(caught.value)
    assert model.statistics_.rows == 30
    whole = da.StreamingRidge().fit_chunks(parts)
    if checkpoint:
        assert "call fit_chunks again" in str(caught.value)
        model.fit_chunks(parts, checkpoint=path)
    else:
        assert "go on with partial_fit" in str(caught.value)
        for part in parts[3:]:
            model.partial_fit(*part)
    assert bits(model) == bits(whole)


def test_a_reader_that_fails_is_named(tmp_path):
    def parts():
        yield from da.chunks(X[:30], y[:30], rows=10)
        raise OSError(errno.EIO, "Input/output error")

    model = da.StreamingRidge()
    with pytest.raises(OSError, match="Input/output") as caught:
        model.fit_chunks(parts(), checkpoint=tmp_path / "c", checkpoint_seconds=1e9)
    assert "while reading chunk 3. The 30 rows before it are kept" in caught.value.__notes__[0]
    rest = da.StreamingRidge().fit_chunks((p for p in da.chunks(X, y, rows=10)), checkpoint=tmp_path / "c")
    assert bits(rest) == bits(da.StreamingRidge().fit_chunks(da.chunks(X, y, rows=10)))


def test_chunks_of_other_dtypes_add_up():
    parts = [
        (X[:30].astype(np.float32), y[:30].astype(np.float32)),
        (X[30:60], y[30:60]),
        (np.round(X[60:]).astype(np.int8), y[60:]),
    ]
    model = da.StreamingRidge().fit_chunks(parts)
    rows = np.concatenate([part[0].astype(float) for part in parts])
    whole = da.StreamingRidge().fit(rows, np.concatenate([part[1] for part in parts]))
    assert np.allclose(model.predict(X), whole.predict(X), rtol=1e-9)


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_a_full_disk(tmp_path, monkeypatch, step):
    path = tmp_path / "c"
    parts = da.chunks(X, y, rows=10)
    da.StreamingRidge().fit_chunks(list(parts)[:4], checkpoint=path)
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    model = da.StreamingRidge()
    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync", full) if step == "fsync" else (np, "savez", full)))
        with pytest.raises(
            CheckpointError, match=r"could not be written at chunk 5, row 50: .*No space left"
        ) as c:
            model.fit_chunks(list(parts), checkpoint=path, checkpoint_seconds=0)
    assert "The checkpoint there before is intact" in str(c.value)
    assert isinstance(c.value, OSError)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["c"]
    assert model.statistics_.rows == 50
    model.fit_chunks(list(parts), checkpoint=path)
    assert bits(model) == bits(da.StreamingRidge().fit_chunks(parts))


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(CheckpointError, match=r"could not be written .*There was none before"):
        da.StreamingRidge().fit_chunks(da.chunks(X, y), checkpoint=tmp_path / "no" / "c")


def spoilt(path, how):
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-200], "empty": b"", "other": b"hello", "bit": data}[how])
    if how == "bit":
        place = len(data) // 2
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])


@pytest.mark.parametrize("how", ["cut", "empty", "other", "bit"])
def test_a_damaged_checkpoint(tmp_path, how):
    path = tmp_path / "c"
    da.StreamingRidge().fit_chunks(da.chunks(X, y, rows=10), checkpoint=path)
    spoilt(path, how)
    with pytest.raises(CheckpointError, match=r"cannot be read as a checkpoint: .*Remove it to start from"):
        da.StreamingRidge().fit_chunks(da.chunks(X, y, rows=10), checkpoint=path)


def test_a_checkpoint_of_another_run(tmp_path):
    path = tmp_path / "c"
    parts = da.chunks(X, y, rows=10)
    da.StreamingRidge().fit_chunks(parts, transformer=FEATURES, checkpoint=path)
    other = da.SketchedNeuralKernel(da.mlp(1, "relu"), n_components=24, random_state=1).fit(X)
    cases = [
        (da.StreamingRidge(), parts, other, "the transformer makes other features of the same row"),
        (
            da.StreamingRidge(),
            parts,
            None,
            "its transformer was 'SketchedNeuralKernel', and is 'NoneType' now",
        ),
        (
            da.StreamingRidge(precision="mixed"),
            parts,
            FEATURES,
            "its precision was 'float64', and is 'mixed'",
        ),
        (da.StreamingRidge(selection="holdout"), parts, FEATURES, "its selection was"),
        (da.StreamingRidgeClassifier(), parts, FEATURES, "its estimator was 'StreamingRidge'"),
        (
            da.StreamingRidge(),
            da.chunks(X, y, rows=20),
            FEATURES,
            "its source of chunks was '95 rows of arrays, 10 a chunk', and is '95 rows of arrays, 20 a",
        ),
    ]
    for model, source, transformer, match in cases:
        with pytest.raises(CheckpointError, match=match):
            model.fit_chunks(source, transformer=transformer, checkpoint=path)
    assert (
        da.StreamingRidge(alphas=7.0).fit_chunks(parts, transformer=FEATURES, checkpoint=path).alpha_ == 7.0
    )


def test_names_and_labels_survive(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcd"))
    parts = [(frame[:50], LABELS[:50].astype(object)), (frame[50:], LABELS[50:].astype(object))]
    da.StreamingRidgeClassifier().fit_chunks(parts[:1], checkpoint=tmp_path / "c")
    model = da.StreamingRidgeClassifier().fit_chunks(parts, checkpoint=tmp_path / "c")
    whole = da.StreamingRidgeClassifier().fit_chunks(parts)
    assert model.feature_names_in_.tolist() == list("abcd")
    assert model.classes_.dtype == object
    assert np.array_equal(model.predict(frame), whole.predict(frame))
    odd = np.array([(1,), "a"], dtype=object)
    model.classes_ = odd
    with pytest.raises(CheckpointError, match="holds objects that are neither numbers nor text"):
        write_checkpoint(tmp_path / "d", model, {}, {}, None)


def test_checkpoints_are_not_written_for_every_chunk(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr("dualact.learn.stream_runs.write_checkpoint", lambda path, *_: written.append(path))
    da.StreamingRidge().fit_chunks(da.chunks(X, y, rows=10), checkpoint=tmp_path / "c")
    assert written == [tmp_path / "c"]


def test_what_cannot_begin():
    with pytest.raises(DualactError, match=r"there was no chunk. An iterator can be used up only once"):
        da.StreamingRidge().fit_chunks([])
    with pytest.raises(NotFittedError, match="fit the transformer on a sample of rows first"):
        da.StreamingRidge().fit_chunks([(X, y)], transformer=da.SketchedNeuralKernel())
    with pytest.raises(DualactError, match="'alphas' parameter"):
        da.StreamingRidge(alphas=-1).fit_chunks([(X, y)])


def test_fitting_chunks_forgets():
    model = da.StreamingRidge().fit(X, y)
    assert model.fit_chunks(da.chunks(X, y, rows=10)).statistics_.rows == 95


def test_progress(capsys, monkeypatch):
    monkeypatch.setattr("dualact.learn.stream_runs.sys.stderr.isatty", lambda: True, raising=False)
    da.StreamingRidge().fit_chunks(da.chunks(X, y, rows=10), progress=True)
    told = capsys.readouterr().err
    assert "chunk 0: 10 rows of 95 (11%), " in told
    assert "\r" in told
    assert told.endswith("s\n")
    assert "95 rows in " in told
    da.StreamingRidge().fit_chunks(da.chunks(X, y, rows=10))
    assert capsys.readouterr().err == ""


def test_memory_does_not_grow_with_the_rows():
    """Peak of what NumPy allocates, for 20 and for 200 chunks: within a hundredth."""

    def peak(count):
        parts = ((np.full((500, 30), i % 7.0) + np.eye(500, 30), np.ones(500)) for i in range(count))
        tracemalloc.start()
        model = da.StreamingRidge().fit_chunks(parts)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert model.statistics_.rows == 500 * count
        return peak

    peak(2)
    small, large = peak(20), peak(200)
    assert large < 1.01 * small
    assert small < 10 * 500 * 30 * 8
