"""The kernel as random features, layer by layer, dense or spatial."""
