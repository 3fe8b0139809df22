"""The recipes of docs/scale.md run as they stand."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import dualact as da

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of engines
def test_the_page_checks_itself(tmp_path, monkeypatch):
    pytest.importorskip("dask.array", reason="dask is not installed (extra 'dask')")
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    monkeypatch.chdir(tmp_path)
    text = re.sub(
        r"<!-- engine -->\n```python\n.*?```", "", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    names: dict = {"__name__": "__main__"}
    models = []
    for snippet in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(snippet, "scale.md", "exec"), names)
        models.append(names["model"])
    Z, y = names["features"].transform(names["X"]), names["y"]
    whole = da.StreamingRidge().fit(Z, y)
    for model in models[:3]:  # chunks, joblib, dask
        assert model.alpha_ == whole.alpha_
        assert np.abs(model.predict(Z) - whole.predict(Z)).max() < 1e-7
    assert np.array_equal(np.asarray(names["predictions"]), models[2].predict(Z))

    # What Ray and Spark would call, called in their place.
    X, parts = names["X"], [slice(0, 7000), slice(7000, 20_000)]
    of_ray = [pickle.loads(names["statistics"]({"X": X[r], "y": y[r]})["model"][0]) for r in parts]
    batches = [
        arrow.RecordBatch.from_pydict({**dict(zip(names["columns"], X[r].T, strict=True)), "y": y[r]})
        for r in parts
    ]
    (batch,) = names["partition"](iter(batches))
    assert list(names["partition"](iter([]))) == []
    of_spark = [pickle.loads(batch["model"][0].as_py())]
    for models in (of_ray, of_spark):
        total = da.StreamingRidge()
        for model in models:
            total.merge(model)
        assert total.statistics_.rows == 20_000
        assert np.abs(total.predict(Z) - whole.predict(Z)).max() < 1e-7
