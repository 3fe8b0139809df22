"""Hypothesis strategies of sketches of polynomial kernels, and of rows for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from ..sketch.polysketch import PolySketch
from ..sketch.structures import STRUCTURES

__all__ = ["sketches"]


@st.composite
def sketches(
    draw: st.DrawFn,
    structures: Sequence[str] = STRUCTURES,
    max_features: int = 20,
    max_degree: int = 5,
    max_width: int = 64,
    sparse_leaves: bool = True,
    dtype: str | None = None,
) -> PolySketch:
    """Sketches of one to three degrees, of every structure, odd and even widths, exact degrees among them.

    Parameters
    ----------
    draw : callable
        Passed by Hypothesis.
    structures : sequence of str
        As :class:`~dualact.sketch.polysketch.PolySketch` knows them.
    max_features, max_degree, max_width : int
        At most so many columns of the rows, so high a degree, so many columns of a degree.
    sparse_leaves : bool
        Whether leaves that read sparse rows may occur.
    dtype : {"float32", "float64", None}
        None draws either.
    """
    degrees = draw(st.sets(st.integers(1, max_degree), min_size=1, max_size=3))
    widths = {k: draw(st.integers(1, max_width)) for k in sorted(degrees)}
    return PolySketch(
        draw(st.integers(1, max_features)),
        widths,
        seed=draw(st.integers(0, 2**32 - 1)),
        structure=draw(st.sampled_from(list(structures))),
        dtype=np.dtype(dtype or draw(st.sampled_from(["float64", "float32"]))),
        spread=draw(st.sampled_from([0, 0, 1, 4])) if sparse_leaves else 0,
    )
