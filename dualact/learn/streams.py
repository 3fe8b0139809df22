"""Tables cut into chunks of rows: arrays, .npy files, CSV and Parquet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DualactError

__all__ = ["Chunks", "chunks"]

_Chunk = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Chunks:
    """Chunks of a table, from the first one whenever they are iterated over.

    Attributes
    ----------
    description : str
        What is cut, and how; the same for the same table.
    n_rows : int or None
        Of the table, where it is known without reading it.
    """

    description: str
    n_rows: int | None
    _open: Callable[[int], Iterator[_Chunk]]

    def __iter__(self) -> Iterator[_Chunk]:
        return self._open(0)

    def start_at(self, index: int) -> Iterator[_Chunk]:
        """Return an iterator that begins with the chunk of this index."""
        return self._open(index)


def chunks(
    source: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    target: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    rows: int = 8192,
) -> Chunks:
    """Cut a table into chunks (X, y) or (X, y, sample_weight) of consecutive rows.

    Parameters
    ----------
    source : array, memory map, CSR matrix, path or list of paths
        A path ends in .npy, .csv (also compressed, .csv.gz), .parquet or .pq; several files of one kind of
        table follow one another.
    y : array or path of a .npy file
        With an array or .npy file as source.
    sample_weight : array, path of a .npy file, or the name of a column
    target : name of a column, or several
        With CSV and Parquet: y.
    columns : names, optional
        With CSV and Parquet: those of X; else all that are neither target nor weight.
    rows : int, default 8192
        Of a chunk; the last one may have fewer.

    Returns
    -------
    Chunks
        Iterable again and again.

    Raises
    ------
    DualactError
        If the source is none of these, or y does not fit it.

    Notes
    -----
    A .npy file is mapped anew for each chunk, so that pages already read do not count as memory of the
    process. CSV needs pandas, Parquet pandas and pyarrow.

    Examples
    --------
    >>> import numpy as np
    >>> import dualact as da
    >>> parts = da.chunks(np.ones((10, 2)), np.arange(10), rows=4)
    >>> [len(X) for X, y in parts]
    [4, 4, 2]
    """
    if isinstance(rows, bool) or not hasattr(rows, "__index__") or rows < 1:
        raise DualactError(f"chunks: rows must be an int in the range [1, inf). Got {rows!r}.")
    if isinstance(source, (str, os.PathLike)):
        source = [Path(source)]
    if (
        isinstance(source, (list, tuple))
        and source
        and all(isinstance(s, (str, os.PathLike)) for s in source)
    ):
        files = [Path(s) for s in source]
        kind = _kind(files)
        if kind != ".npy":
            return _of_tables(files, kind, y, sample_weight, target, columns, rows)
        if len(files) > 1:
            raise DualactError("chunks: give one .npy file, or iterate over chunks(file) of each.")
        source = files[0]
    if target is not None or columns is not None:
        raise DualactError(
            "chunks: target and columns name columns of CSV and Parquet files; give y for an array."
        )
    return _of_arrays(source, y, sample_weight, rows)


def _of_arrays(source: Any, y: Any, sample_weight: Any, rows: int) -> Chunks:
    parts = [("X", source), ("y", y)] + ([] if sample_weight is None else [("sample_weight", sample_weight)])
    readers = [_reader(name, part) for name, part in parts]
    lengths = [read(None) for read in readers]
    n = lengths[0]
    if len(set(lengths)) > 1:
        told = ", ".join(f"{name} {length}" for (name, _), length in zip(parts, lengths, strict=True))
        raise DualactError(f"chunks: all parts must have the same number of rows. Got {told}.")

    def start(index: int) -> Iterator[_Chunk]:
        for begin in range(index * rows, n, rows):
            yield tuple(read(slice(begin, begin + rows)) for read in readers)

    return Chunks(f"{n} rows of arrays, {rows} a chunk", n, start)


def _reader(name: str, part: Any) -> Callable[[slice | None], Any]:
    """Return a function of rows; of None, it is their number."""
    if isinstance(part, (str, os.PathLike)):
        path = Path(part)
        _kind([path], legal=(".npy",))

        def read(where: slice | None) -> Any:
            mapped = np.load(path, mmap_mode="r")
            return len(mapped) if where is None else np.array(mapped[where])

        return read
    if not hasattr(part, "shape") or not hasattr(part, "__getitem__"):
        raise DualactError(
            f"chunks: {name} must be an array, a memory map, a CSR matrix or the path of a file. Got "
            f"{type(part).__name__}. An iterable of (X, y) needs no chunks(); give it to fit_chunks."
        )
    rows_of = part.iloc if hasattr(part, "iloc") else part
    return lambda where: part.shape[0] if where is None else rows_of[where]


def _of_tables(
    files: list[Path],
    kind: str,
    y: Any,
    sample_weight: Any,
    target: str | Sequence[str] | None,
    columns: Sequence[str] | None,
    rows: int,
) -> Chunks:
    if y is not None or target is None:
        raise DualactError(f"chunks: with {kind} files, name the column (or columns) of y as target.")
    if sample_weight is not None and not isinstance(sample_weight, str):
        raise DualactError(f"chunks: with {kind} files, sample_weight is the name of a column.")
    targets = target if isinstance(target, str) else list(target)
    apart = [*([target] if isinstance(target, str) else target), *([sample_weight] if sample_weight else [])]
    wanted = None if columns is None else [*columns, *apart]
    frames = _csv_frames if kind == ".csv" else _parquet_frames

    def split(frame: Any) -> _Chunk:
        missing = [name for name in apart if name not in frame.columns]
        if missing:
            raise DualactError(
                f"chunks: {files[0].name} has no column {missing[0]!r}. There are: "
                f"{', '.join(map(str, frame.columns))}."
            )
        X = frame.drop(columns=apart) if columns is None else frame[list(columns)]
        pair = (X, frame[targets].to_numpy())
        return pair if sample_weight is None else (*pair, frame[sample_weight].to_numpy())

    def start(index: int) -> Iterator[_Chunk]:
        everything = (frame for path in files for frame in frames(path, wanted, rows))
        return (split(frame) for frame in islice(everything, index, None))

    names = ", ".join(path.name for path in files)
    return Chunks(f"{names}, {rows} rows a chunk, target {targets}", None, start)


def _csv_frames(path: Path, columns: list[str] | None, rows: int) -> Iterator[Any]:
    import pandas

    with pandas.read_csv(path, chunksize=rows, usecols=columns) as reader:
        yield from reader


def _parquet_frames(path: Path, columns: list[str] | None, rows: int) -> Iterator[Any]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows, columns=columns):
            yield batch.to_pandas()


def _kind(files: list[Path], legal: tuple[str, ...] = (".npy", ".csv", ".parquet")) -> str:
    kinds = set()
    for path in files:
        endings = [e.lower() for e in path.suffixes]
        ending = next((e for e in reversed(endings) if e in (".npy", ".csv", ".parquet", ".pq")), "")
        kinds.add(".parquet" if ending == ".pq" else ending)
        if not path.exists():
            raise DualactError(f"chunks: there is no file {path}.")
    if len(kinds) != 1 or not kinds <= set(legal):
        raise DualactError(
            f"chunks: files must end in {', '.join(legal)}, all alike. Got "
            f"{', '.join(path.name for path in files)}."
        )
    return kinds.pop()
