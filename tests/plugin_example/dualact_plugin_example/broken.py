"""A plugin that fails on import, as one does whose own dependency is not installed."""

from __future__ import annotations

import a_module_that_is_not_installed as missing

broken = missing.broken
