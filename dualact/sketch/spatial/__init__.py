"""Feature maps of spatial networks, layer by layer: cost linear in positions."""
