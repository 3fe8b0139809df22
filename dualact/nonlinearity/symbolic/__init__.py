"""Activations from expressions: their grammar, algebra, derivatives and evaluation."""

from .expressions import from_expression

__all__ = ["from_expression"]
