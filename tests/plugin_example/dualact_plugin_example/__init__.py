"""Activations for dualact that live in a distribution of their own."""
