"""What an activation is: contract, catalog, Hermite coefficients, duals."""
