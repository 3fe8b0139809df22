"""How many examples a property gets, relative to what the profile gives: nightly multiplies all of them."""

from __future__ import annotations

from hypothesis import settings


def times(factor: float) -> settings:
    """Return settings with so many times the examples of the profile, one at least."""
    return settings(max_examples=max(1, round(factor * settings().max_examples)))
