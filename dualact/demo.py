"""The main job on real data, in one command: exact kernel against sketched features on digits."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from . import metrics
from .errors import DualactError
from .exact.matrices import kernel
from .files import whole_file
from .learn.sketched import SketchedNeuralKernel
from .network.architectures import mlp
from .network.planning import render_table

__all__ = ["run"]

_WIDTHS = (256, 512, 1024, 2048, 4096)
_RIDGE = 1e-4  # of the mean diagonal of the kernel


def run(picture: str | None = None) -> None:
    """Print the plan, errors, accuracies, seconds and memory; write a picture if asked.

    Parameters
    ----------
    picture : path, optional
        A PNG file to be written; needs matplotlib.

    Raises
    ------
    DualactError
        If a picture is asked for and matplotlib is missing.
    """
    figure = _figure() if picture else None
    network = mlp(3, "gelu", weight_std=2**0.5, bias_std=0.1)
    X, y = load_digits(return_X_y=True)
    X = X / 16
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    print(f"digits: {len(X_train)} rows to train on, {len(X_test)} to test on, {X.shape[1]} features")
    print(f"network: {network!r}\n")

    def features(width: int) -> SketchedNeuralKernel:
        return SketchedNeuralKernel(network, n_components=width, random_state=0).fit(X_train)

    print(features(_WIDTHS[-1]).plan_, "\n")

    def exact() -> tuple[NDArray[Any], NDArray[Any]]:
        train, test = kernel(network, X_train), kernel(network, X_test, X_train)
        return train, test @ _solve(train, _targets(y_train), _RIDGE * train.diagonal().mean())

    (K, scores), seconds, peak = _measured(exact)
    accuracy = float((scores.argmax(axis=1) == y_test).mean())
    ridge = _RIDGE * K.diagonal().mean()
    rows = [("", "relative error", "spectral error", "accuracy", "seconds", "peak MiB")]
    rows.append(("exact kernel", "0", "0", f"{accuracy:.4f}", f"{seconds:.2f}", f"{peak:.0f}"))
    errors = []
    for width in _WIDTHS:

        def sketched(width: int = width) -> tuple[NDArray[Any], NDArray[Any]]:
            made = features(width)
            train, test = made.transform(X_train), made.transform(X_test)
            weights = _solve(train.T @ train, train.T @ _targets(y_train), ridge)
            return train, test @ weights

        (Z, scores), seconds, peak = _measured(sketched)
        errors.append(metrics.relative_error(K, Z))
        rows.append(
            (
                f"{width} features",
                f"{errors[-1]:.4f}",
                f"{metrics.spectral_error(K, Z, 100 * ridge):.3f}",
                f"{float((scores.argmax(axis=1) == y_test).mean()):.4f}",
                f"{seconds:.2f}",
                f"{peak:.0f}",
            )
        )
    print(render_table(rows))
    print(
        f"\nridge classification with a ridge of {_RIDGE:g} of the mean diagonal; the spectral error is at "
        "100 times that;\nseconds are wall time of kernel or features and solution, memory is what NumPy "
        "allocated."
    )
    if picture and figure is not None:
        _draw(figure, errors, picture)
        print(f"wrote {picture}")


def _targets(y: NDArray[Any]) -> NDArray[Any]:
    targets: NDArray[Any] = np.eye(10)[y] - 0.1
    return targets


def _solve(matrix: NDArray[Any], right: NDArray[Any], ridge: float) -> NDArray[Any]:
    found: NDArray[Any] = solve(matrix + ridge * np.eye(len(matrix)), right, assume_a="pos")
    return found


def _measured(job: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result, the seconds of one run, and the peak of allocated MiB of another."""
    start = time.perf_counter()
    job()
    seconds = time.perf_counter() - start
    tracemalloc.start()
    try:
        result = job()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return result, seconds, peak / 2**20


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DualactError(
            "the picture needs matplotlib: pip install 'dualact[plot]', or leave --picture out."
        ) from error
    return Figure(figsize=(5, 3.5), layout="constrained")


def _draw(figure: Any, errors: list[float], picture: str) -> None:
    axes = figure.subplots()
    axes.loglog(_WIDTHS, errors, "o-", label="sketched features")
    axes.loglog(
        _WIDTHS, errors[0] * np.sqrt(_WIDTHS[0] / np.array(_WIDTHS)), "--", color="grey", label="1/√m"
    )
    axes.set_xticks(_WIDTHS, [str(width) for width in _WIDTHS])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("number of features m")
    axes.set_ylabel("relative error of the kernel")
    axes.set_title("GELU NTK of depth 3, digits")
    axes.legend()
    with whole_file(picture) as stream:
        figure.savefig(stream, format="png", dpi=150)
