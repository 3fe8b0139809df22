"""Leading monomials in the principal axes of the data: features without randomness, a kernel from below."""
