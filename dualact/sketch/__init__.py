"""The kernel as features: Hadamard transforms, polynomial sketches, the radial series."""
