"""Laws and oracles that plugin authors inherit."""
