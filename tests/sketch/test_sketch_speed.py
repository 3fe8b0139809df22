"""What was promised of speed and error, measured."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import normalize

import dualact as da
from dualact.sketch.hadamard import has_compiled
from dualact.sketch.polysketch import PolySketch


def test_digits_to_the_eighth():
    """Relative error at most .09 with 8192 columns; a product of real SRHTs has eight times that."""
    X = normalize(load_digits().data[:1000]).astype(np.float32)
    out = np.empty((1000, 8192), np.float32)
    PolySketch(64, {8: 8192}, seed=0)(X, {8: out})
    K = (X @ X.T).astype(float) ** 8
    assert da.metrics.relative_error(K, out.astype(float)) < 0.09
    Z = da.PolynomialSketch(degree=8, n_components=8192, random_state=0).fit_transform(X)
    assert da.metrics.relative_error(K, Z.astype(float)) < 0.05


_TRANSFORM = """
import time
import numpy as np
from dualact.sketch.hadamard import hadamard
X = np.zeros((64, 1024), np.float32); Y = np.empty_like(X)
def best(call):
    found = 1.0
    for _ in range(200):
        start = time.perf_counter()
        for _ in range(10): call()
        found = min(found, time.perf_counter() - start)
    return found
print(best(lambda: hadamard(X)) / best(lambda: np.copyto(Y, X)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("compiled", "limit"), [(True, 5), (False, 20)])
def test_hadamard_against_a_copy(compiled, limit):
    """Order 1024, float32, one thread: within 5 copies compiled, within 20 in NumPy."""
    if compiled and not has_compiled():
        pytest.skip("the extension was not built")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DUALACT_NO_C": "" if compiled else "1"}
    ratios = [
        float(
            subprocess.run(
                [sys.executable, "-c", _TRANSFORM], env=environment, capture_output=True, check=True
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(ratios) < limit


@pytest.mark.slow
@pytest.mark.parametrize("d", [9, 384])
def test_dense_relu_features(d):
    """8192 features of degree 8: at least 20,000 rows a second on two threads (by the time they compute)."""
    X = np.random.default_rng(0).standard_normal((4096, d)).astype(np.float32)
    network = da.mlp(1, "relu", weight_std=2**0.5)
    features = da.SketchedNeuralKernel(network, n_components=8192, degree=8, random_state=0, n_jobs=2).fit(X)
    features.transform(X[:600])
    best = 1e9
    for _ in range(8):
        start = time.process_time()
        Z = features.transform(X)
        best = min(best, (time.process_time() - start) / 2)
    assert len(X) / best > 20_000
    assert da.metrics.relative_error(da.kernel(network, X[:1000]), Z[:1000].astype(float)) < 0.035
