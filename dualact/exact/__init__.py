"""The kernel as a matrix: the recursion over layers, exact to rounding."""
