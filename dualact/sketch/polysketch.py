"""PolySketch: sketches of several powers x^{⊗k} at once, E⟨S_k u, S_k v⟩ = ⟨u, v⟩^k."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse

from dualact.errors import DualactError
from dualact.sketch.embedding import SPREADS
from dualact.sketch.interpret import run
from dualact.sketch.monomials import monomial_count, monomials
from dualact.sketch.native import compile_program
from dualact.sketch.sparse_rows import SparseRows
from dualact.sketch.structures import STRUCTURES, choose
from dualact.sketch.tables import Tables, draw

__all__ = ["PolySketch"]

Array = NDArray[Any]
_CACHE_BYTES = 1 << 20
_ROOM = 9.0  # logarithm of what the entries of a sketch may exceed the norms by


class PolySketch:
    """Random linear maps S_k of x^{⊗k}, k in ``widths``, with E⟨S_k u, S_k v⟩ = ⟨u, v⟩^k for all u, v.

    Parameters
    ----------
    n_features : int
        Length d of the rows.
    widths : mapping of int to int
        For each degree k ≥ 1 the number of real columns D_k ≥ 1.
    seed : int
        Non-negative; the map is a function of the constructor's arguments alone.
    structure : {"auto", "wide", "product", "real_product", "tree", "real_tree"}
        How each degree is sketched, see :func:`choose`.
    dtype : dtype
        float32 or float64: the type of rows, arithmetic and output.
    spread : {0, 1, 2, 4}
        0: the leaves are Hadamard transforms, for dense rows. Otherwise they are sparse embeddings that put
        every coordinate into so many slots (CountSketch, OSNAP), in time that depends on the nonzeros alone,
        not on ``n_features``: for long sparse rows. See :func:`dualact.sketch.sparse_rows.spread_for`.
    direction : (n_features,) array, optional
        With sparse leaves: μ, if multiples of it are to be subtracted from the rows.

    Attributes
    ----------
    block_rows : int
        How many rows to pass at once, so that the temporaries stay in the second-level cache.
    exact : tuple of int
        The degrees without sketching error.
    circuits : dict of int to Circuit
        How the other degrees are computed.

    Raises
    ------
    DualactError
        For arguments outside these ranges, and for rows or outputs of another shape or dtype.

    Notes
    -----
    Degrees have independent randomness, so their errors are independent. A degree with
    C(d + k − 1, k) ≤ D_k is exact (monomials, and zero columns for the surplus).

    References
    ----------
    Ahle et al., "Oblivious sketching of high-degree polynomial kernels", SODA 2020. Wacker, Ohana, Filippone,
    "Complex-to-real sketches for tensor products", AISTATS 2023.

    Examples
    --------
    >>> import numpy as np
    >>> sketch = PolySketch(3, {2: 6}, seed=0, dtype=np.float64)
    >>> out = np.empty((1, 6))
    >>> sketch(np.array([[1.0, 2.0, 3.0]]), {2: out})
    >>> round(float((out @ out.T)[0, 0]), 10)  # six monomials of degree 2: exact
    196.0
    """

    def __init__(
        self,
        n_features: int,
        widths: Mapping[int, int],
        *,
        seed: int,
        structure: str = "auto",
        dtype: DTypeLike = np.float32,
        spread: int = 0,
        direction: Array | None = None,
    ) -> None:
        _check_arguments(n_features, widths, seed, structure, np.dtype(dtype))
        _check_sparse_arguments(n_features, spread, direction)
        self.n_features = int(n_features)
        self.widths: Mapping[int, int] = MappingProxyType({int(k): int(D) for k, D in sorted(widths.items())})
        self.seed = int(seed)
        self.structure = structure
        self.dtype = np.dtype(dtype)
        self.spread = int(spread)
        self.direction = None if direction is None else np.asarray(direction, dtype=np.float64)
        chosen = {k: choose(structure, self.n_features, k, D, self.spread) for k, D in self.widths.items()}
        self.exact = tuple(k for k, c in chosen.items() if c is None)
        self.circuits = {k: c for k, c in chosen.items() if c is not None}
        tables = {k: draw(c, (self.seed, k), self.direction) for k, c in self.circuits.items()}
        exact = {} if self.spread else {k: self.widths[k] for k in self.exact}
        self._program = compile_program(self.circuits, tables, exact, self.n_features, self.dtype)
        self._range = math.log(float(np.finfo(self.dtype).max)) - _ROOM
        self._tables: dict[int, Tables] = tables if self._program is None else {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (
            self.n_features,
            dict(self.widths),
            self.seed,
            self.structure,
            self.dtype.str,
            self.spread,
            self.direction,
        )

    def __repr__(self) -> str:
        return (
            f"PolySketch({self.n_features}, {dict(self.widths)}, seed={self.seed}, "
            f"structure={self.structure!r}, dtype={self.dtype.name!r}"
            f"{f', spread={self.spread}' if self.spread else ''}"
            f"{'' if self.direction is None else ', direction=...'})"
        )

    @property
    def block_rows(self) -> int:
        """Rows to pass at once: input, output and temporaries of about 1 MiB; a multiple of 16."""
        row = (0 if self.spread and not self.exact else self.n_features) + sum(self.widths.values())
        if self._program is None:
            row += 6 * max(
                (s.size for c in self.circuits.values() for n in c.nodes for s in n.segments), default=1
            )
        return 16 * max(1, _CACHE_BYTES // (16 * row * self.dtype.itemsize))

    def __call__(self, U: Any, outs: Mapping[int, Array], along: Array | None = None) -> None:
        """Write S_k u into row after row of ``outs[k]``, for every degree k.

        Parameters
        ----------
        U : ndarray or CSR matrix of ``dtype``, shape (b, n_features)
            Rows; the largest norm to the highest degree must fit the dtype.
        outs : mapping of int to ndarray, shapes (b, D_k)
            Arrays of ``dtype`` to be filled, any strides.
        along : (b,) array of ``dtype``, optional
            α, where there is a direction: the rows are those of U − αμᵀ.
        """
        self._check_call(U, outs, along)
        if self.spread:
            rows = SparseRows.of(U, self.dtype)
            self._check_range(rows, along)
            self.of_nonzeros(rows, outs, along)
            return
        U = U.toarray() if sparse.issparse(U) else U
        self._check_range(U)
        if self._program is not None:
            self._program(np.ascontiguousarray(U), outs)
            return
        self._exact(U, outs)
        needed = {p for c in self.circuits.values() for p in c.powers}
        sources = {p: _padded_monomials(U, p) for p in needed}
        for k, circuit in self.circuits.items():
            run(circuit, self._tables[k], sources, outs[k])

    def of_nonzeros(self, rows: SparseRows, outs: Mapping[int, Array], along: Array | None = None) -> None:
        """Do the same for rows that are known to be right, with sparse leaves."""
        if self.exact:
            self._exact(self._filled(rows, along), outs)
        if self._program is not None:
            self._program.of_nonzeros(rows, outs, along)
            return
        for k, circuit in self.circuits.items():
            run(circuit, self._tables[k], {}, outs[k], rows, along)

    def _filled(self, rows: SparseRows, along: Array | None) -> Array:
        values, indices, owner = rows.entries
        dense = np.zeros((len(rows), self.n_features), self.dtype)
        dense[owner, indices] = values
        if along is not None and self.direction is not None:
            dense -= along[:, None] * self.direction.astype(self.dtype)
        return dense

    def _exact(self, U: Array, outs: Mapping[int, Array]) -> None:
        for k in self.exact:
            count = monomial_count(self.n_features, k)
            if k == 1:
                outs[k][:, :count] = U
            else:
                monomials(U, k, outs[k][:, :count])
            outs[k][:, count:] = 0.0

    def _check_range(self, U: Array | SparseRows, along: Array | None = None) -> None:
        """Refuse rows whose powers overflow: a product of their norms, and some room for the signs."""
        values = U.values if isinstance(U, SparseRows) else U
        peak, top = float(np.abs(values).max(initial=0.0)), max(self.widths)
        shift = 0.0
        if along is not None and self.direction is not None:
            shift = float(np.abs(along).max(initial=0.0)) * float(np.linalg.norm(self.direction))
        if top * math.log(max(peak * math.sqrt(self.n_features) + shift, 1.0)) <= self._range:
            return
        scaled = values / (peak or 1.0)
        if isinstance(U, SparseRows):
            lengths = np.sqrt(np.bincount(U.entries[2], scaled**2, minlength=len(U)))
        else:
            lengths = np.linalg.norm(scaled, axis=1)
        norm = peak * float(lengths.max()) + shift
        if top * math.log(norm) > self._range:
            raise DualactError(
                f"PolySketch: the power {top} of U overflows {self.dtype.name}: rows have norms of up to "
                f"{norm:.3g}. Divide them by their norms, and multiply the result by norm**{top} in float64."
            )

    def _check_call(self, U: Any, outs: Mapping[int, Array], along: Array | None) -> None:
        if U.ndim != 2 or U.shape[1] != self.n_features or U.dtype != self.dtype:
            raise DualactError(
                f"PolySketch: U must have shape (b, {self.n_features}) and dtype {self.dtype.name}, as "
                f"constructed; got shape {U.shape} and dtype {U.dtype}. Reshape or convert it."
            )
        given = None if along is None else (along.shape, along.dtype)
        if given not in (None, ((U.shape[0],), self.dtype)) or (along is not None and self.direction is None):
            raise DualactError(
                f"PolySketch: along must have shape ({U.shape[0]},) and dtype {self.dtype.name}, one number "
                f"for each row, and needs a direction to be subtracted; got {given} with "
                f"direction={'None' if self.direction is None else '...'}. Construct it with direction=."
            )
        if set(outs) != set(self.widths):
            raise DualactError(
                f"PolySketch: outs must hold one array for each of the degrees {list(self.widths)}; got the "
                f"degrees {sorted(outs)}. Pass an array for every degree and no other."
            )
        for k, D in self.widths.items():
            if outs[k].shape != (U.shape[0], D) or outs[k].dtype != self.dtype:
                raise DualactError(
                    f"PolySketch: outs[{k}] must have shape {(U.shape[0], D)} and dtype {self.dtype.name}, "
                    f"as constructed; got shape {outs[k].shape} and dtype {outs[k].dtype}. Allocate it so."
                )


def _rebuild(
    n_features: int,
    widths: dict[int, int],
    seed: int,
    structure: str,
    dtype: str,
    spread: int,
    direction: Array | None,
) -> PolySketch:
    return PolySketch(
        n_features, widths, seed=seed, structure=structure, dtype=dtype, spread=spread, direction=direction
    )


def _padded_monomials(U: Array, power: int) -> Array:
    count = monomial_count(U.shape[1], power)
    padded = np.zeros((len(U), count + 1), U.dtype)
    monomials(U, power, padded[:, :count])
    return padded


def _check_arguments(
    n: int, widths: Mapping[int, int], seed: int, structure: str, dtype: np.dtype[Any]
) -> None:
    if n < 1:
        raise DualactError(
            f"PolySketch: n_features must be at least 1, the length of a row; got {n}. Pass X.shape[1]."
        )
    for k, D in widths.items():
        if k < 1 or D < 1:
            raise DualactError(
                "PolySketch: widths must map degrees ≥ 1 to widths ≥ 1, because degree 0 is a constant that "
                f"needs no sketch; got {{{k}: {D}}}. Leave that degree out."
            )
    if seed < 0:
        raise DualactError(
            "PolySketch: seed must be a non-negative integer, the name of a stream of random bits; got "
            f"{seed}. Draw one with numpy.random.default_rng().integers(2**31)."
        )
    if structure not in STRUCTURES:
        raise DualactError(
            f"PolySketch: structure must be one of {', '.join(STRUCTURES)}; got {structure!r}. Use 'auto'."
        )
    if dtype not in (np.float32, np.float64):
        raise DualactError(
            f"PolySketch: dtype must be float32 or float64, the types that transforms add in; got {dtype}. "
            "Convert the rows to one of them."
        )


def _check_sparse_arguments(n: int, spread: int, direction: Array | None) -> None:
    if spread not in (0, *SPREADS):
        raise DualactError(
            f"PolySketch: spread must be 0 (dense leaves) or one of {', '.join(map(str, SPREADS))}, the "
            f"slots that sparse leaves put a coordinate into; got {spread!r}. Use 4 for sparse rows."
        )
    if direction is not None and (not spread or np.shape(direction) != (n,)):
        raise DualactError(
            f"PolySketch: direction must have shape ({n},) and needs sparse leaves, which subtract what they "
            f"make of it; got shape {np.shape(direction)} and spread={spread}. Subtract it from dense rows."
        )
