"""Statistics on disk, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..files import whole_file
from .ridge_statistics import RidgeStatistics

__all__ = ["read_checkpoint", "write_checkpoint"]

_FORMAT = "dualact ridge checkpoint 1"
_PLAIN = ("n_features_in_", "_residual_alpha")


def write_checkpoint(
    path: Path, estimator: Any, position: Mapping[str, int], identity: Mapping[str, Any], probe: Any
) -> None:
    """Write statistics and how far the run has come; the file is replaced at once, or stays as it was.

    Parameters
    ----------
    path : Path
    estimator : StreamingRidge or StreamingRidgeClassifier
    position : dict of int
    identity : dict
        What must be the same when the run goes on.
    probe : pair of arrays or None
        A row, and its features.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name in ("statistics_", "held_out_"):
        arrays |= {f"{name}/{k}": v for k, v in getattr(estimator, name).to_arrays().items()}
    if hasattr(estimator, "feature_names_in_"):
        arrays["feature_names_in_"] = estimator.feature_names_in_.astype(str)
    for name in estimator._memory:
        arrays[f"memory/{name}"] = _plain_array(name, np.asarray(getattr(estimator, name)))
    if probe is not None:
        arrays["probe/row"], arrays["probe/features"] = probe
    head = {
        "format": _FORMAT,
        "position": dict(position),
        "identity": dict(identity),
        **{name: getattr(estimator, name) for name in _PLAIN},
        "objects": [n for n in estimator._memory if np.asarray(getattr(estimator, n)).dtype == object],
    }
    try:
        with whole_file(path) as stream:
            np.savez(stream, head=np.array(json.dumps(head)), **arrays)  # type: ignore[arg-type]
    except OSError as error:
        before = "The checkpoint there before is intact." if path.exists() else "There was none before."
        raise CheckpointError(
            f"the checkpoint {path} could not be written at {_where(position)}: {error}. {before} The "
            "estimator holds all rows so far; make room and call fit_chunks again as before."
        ) from error


def read_checkpoint(
    path: Path, estimator: Any, identity: Mapping[str, Any]
) -> tuple[dict[str, int], tuple[NDArray[Any], NDArray[Any]] | None]:
    """Give an estimator the statistics of a checkpoint; return position and probe.

    Raises
    ------
    CheckpointError
        If the file is damaged, or of another run.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        head = json.loads(str(arrays["head"]))
        if head["format"] != _FORMAT:
            raise ValueError(f"its format is {head['format']!r}, not {_FORMAT!r}")
        statistics = {
            name: RidgeStatistics.from_arrays(
                {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}
            )
            for name in ("statistics_", "held_out_")
        }
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: {error}. Remove it to start from the first chunk."
        ) from error
    for what, value in identity.items():
        if head["identity"].get(what) != value:
            raise CheckpointError(
                f"the checkpoint {path} is of another run: its {what} was {head['identity'].get(what)!r}, "
                f"and is {value!r} now. Go on with what it was made with, or remove the file to start again."
            )
    estimator._start(0, 0)
    for name, value in statistics.items():
        setattr(estimator, name, value)
    for name in _PLAIN:
        setattr(estimator, name, head[name])
    if "feature_names_in_" in arrays:
        estimator.feature_names_in_ = arrays["feature_names_in_"].astype(object)
    for name in estimator._memory:
        value = arrays[f"memory/{name}"]
        value = value.astype(object) if name in head["objects"] else value
        setattr(estimator, name, value if value.ndim else value.item())
    probe = (arrays["probe/row"], arrays["probe/features"]) if "probe/row" in arrays else None
    return head["position"], probe


def _where(position: Mapping[str, int]) -> str:
    return f"chunk {position['chunks'] + position['held_out_chunks']}, row {position['rows']}"


def _plain_array(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Text in arrays of objects as text; a checkpoint holds no pickled objects."""
    if values.dtype != object:
        return values
    if not all(isinstance(value, str) for value in values.ravel()):
        raise CheckpointError(
            f"{name} holds objects that are neither numbers nor text, which a checkpoint cannot. Give labels "
            "as integers or as str."
        )
    return values.astype(str)
