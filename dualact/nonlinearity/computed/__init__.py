"""Duals that no closed form gives: tables, series and quadrature with an error estimate."""
