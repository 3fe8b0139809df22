"""Exact duals of piecewise exponential-polynomials."""

from .duals import PiecewiseDual, piecewise
from .function import Piece, PiecewiseFunction, Term, poly

__all__ = ["Piece", "PiecewiseDual", "PiecewiseFunction", "Term", "piecewise", "poly"]
