"""One run over chunks: features, statistics, checkpoints, a report; errors that name the chunk."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..errors import CheckpointError, DualactError
from .checkpoints import read_checkpoint, write_checkpoint
from .streams import Chunks

__all__ = ["run"]


def run(
    estimator: Any,
    chunks: Iterable[Any],
    transformer: Any,
    held_out: Iterable[Any] | None,
    checkpoint: Any,
    checkpoint_seconds: float,
    progress: bool,
) -> None:
    """Give an estimator without rows the rows of all chunks, in their order; see ``fit_chunks``."""
    if transformer is not None:
        check_is_fitted(transformer, msg="fit_chunks: fit the transformer on a sample of rows first.")
    if held_out is not None and estimator.selection != "holdout":
        raise DualactError(
            "fit_chunks(held_out=...) needs selection='holdout' to choose alpha on those chunks. "
            f"Got selection={estimator.selection!r}."
        )
    one = _Run(estimator, transformer, checkpoint, checkpoint_seconds, progress)
    one.resume(_identity(estimator, chunks, transformer, held_out))
    if one.position["held_out_chunks"] == 0:
        one.take(chunks, "chunks", None if held_out is None else False)
    if held_out is not None:
        one.take(held_out, "held_out_chunks", True)
    one.finish()


class _Run:
    def __init__(
        self, estimator: Any, transformer: Any, checkpoint: Any, seconds: float, progress: bool
    ) -> None:
        self.estimator = estimator
        self.transformer = transformer
        self.path = None if checkpoint is None else Path(checkpoint)
        self.seconds = seconds
        self.report = _Report() if progress else None
        self.position = {"chunks": 0, "held_out_chunks": 0, "rows": 0}
        self.identity: dict[str, Any] = {}
        self.probe: Any = None
        self.written = time.monotonic()
        self.unwritten = False

    def resume(self, identity: dict[str, Any]) -> None:
        """Take up the checkpoint, if there is one."""
        self.identity = identity
        if self.path is None or not self.path.exists():
            return
        self.position, self.probe = read_checkpoint(self.path, self.estimator, identity)
        if self.probe is not None:
            row, features = self.probe
            if not np.allclose(self.transformer.transform(row), features, rtol=1e-4, atol=1e-6):
                raise CheckpointError(
                    f"the checkpoint {self.path} is of another run: the transformer makes other features of "
                    "the same row now. Use the one that it was made with (same plan and random_state), or "
                    "remove the file to start again."
                )

    def take(self, source: Iterable[Any], kind: str, holdout: bool | None) -> None:
        """Add the chunks of a source that have not been added yet."""
        rest, index = _skip(source, self.position[kind]), self.position[kind]
        while True:
            label = f"{'held-out ' if holdout else ''}chunk {index}"
            try:
                chunk = next(rest, None)
            except Exception as error:
                self.save()
                error.add_note(f"dualact: while reading {label}. {self._kept()}")
                raise
            if chunk is None:
                return
            try:
                rows = self._add(chunk, holdout)
            except (ValueError, TypeError) as error:
                self.save()
                raise DualactError(
                    f"{label} (from row {self.position['rows']} on): {str(error).splitlines()[0]} "
                    + self._kept()
                ) from error
            index += 1
            self.position[kind] = index
            self.position["rows"] += rows
            self.unwritten = True
            if self.report is not None:
                self.report.tell(label, self.position["rows"], getattr(source, "n_rows", None))
            if time.monotonic() - self.written >= self.seconds:
                self.save()

    def _add(self, chunk: Any, holdout: bool | None) -> int:
        if not isinstance(chunk, (tuple, list)) or len(chunk) not in (2, 3):
            what = f"{len(chunk)} parts" if isinstance(chunk, (tuple, list)) else type(chunk).__name__
            raise DualactError(f"A chunk must be (X, y) or (X, y, sample_weight). Got {what}.")
        X, y, weight = (*chunk, None) if len(chunk) == 2 else chunk
        features = X if self.transformer is None else self.transformer.transform(X)
        self.estimator.partial_fit(features, y, sample_weight=weight, holdout=holdout)
        if self.transformer is not None and isinstance(X, np.ndarray) and X.dtype != object:
            self.probe = (np.array(X[:1]), np.array(features[:1]))
        return int(features.shape[0])

    def _kept(self) -> str:
        where = f" and the checkpoint {self.path}" if self.path is not None else ""
        again = "call fit_chunks again" if self.path is not None else "go on with partial_fit"
        return (
            f"The {self.position['rows']} rows before it are kept in the estimator{where}; mend or drop the "
            f"chunk and {again}."
        )

    def save(self) -> None:
        """Write the checkpoint, if there is to be one and it would say something new."""
        if self.path is not None and self.unwritten:
            write_checkpoint(self.path, self.estimator, self.position, self.identity, self.probe)
            self.unwritten = False
            self.written = time.monotonic()

    def finish(self) -> None:
        """Write the last checkpoint."""
        if not hasattr(self.estimator, "statistics_"):
            raise DualactError("fit_chunks: there was no chunk. An iterator can be used up only once.")
        self.save()
        if self.report is not None:
            self.report.end(self.position["rows"])


def _skip(source: Iterable[Any], count: int) -> Iterator[Any]:
    if isinstance(source, Chunks):
        return source.start_at(count)
    return islice(iter(source), count, None)


def _identity(estimator: Any, chunks: Any, transformer: Any, held_out: Any) -> dict[str, Any]:
    return {
        "estimator": type(estimator).__name__,
        "precision": estimator.precision,
        "selection": "holdout" if estimator.selection == "holdout" else "no rows held out",
        "class_weight": repr(getattr(estimator, "class_weight", None)),
        "transformer": type(transformer).__name__,
        "source of chunks": getattr(chunks, "description", type(chunks).__name__),
        "source of held-out chunks": getattr(held_out, "description", type(held_out).__name__),
    }


class _Report:
    """Lines to stderr; in a terminal one line that is written over."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.told = 0.0
        self.terminal = sys.stderr.isatty()

    def tell(self, label: str, rows: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self.told < (0.2 if self.terminal else 10.0):
            return
        self.told = now
        rate = rows / max(now - self.start, 1e-9)
        share = f" of {total:,} ({rows / total:.0%})" if total else ""
        text = f"{label}: {rows:,} rows{share}, {rate:,.0f} rows/s"
        print(
            f"\r{text}\x1b[K" if self.terminal else text, end="" if self.terminal else "\n", file=sys.stderr
        )

    def end(self, rows: int) -> None:
        seconds = time.monotonic() - self.start
        print(f"{chr(10) if self.terminal else ''}{rows:,} rows in {seconds:.1f} s", file=sys.stderr)
