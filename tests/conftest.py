"""Hypothesis profiles: dev (default), ci and nightly; HYPOTHESIS_PROFILE chooses.

Modules beside this file serve tests of several folders: pytest puts this folder on the path.
"""

from __future__ import annotations

import os
import shlex

from hypothesis import HealthCheck, settings

# Runs repeat exactly: a failure is a bug of the change at hand, not of the day. Nightly looks further.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=15, derandomize=True, database=None, **_COMMON)
settings.register_profile("ci", max_examples=30, derandomize=True, database=None, **_COMMON)
settings.register_profile(
    "nightly", max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "1000")), **_COMMON
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_terminal_summary(terminalreporter) -> None:
    """One line per failure that runs it again, with the same examples."""
    failed = [r.nodeid for kind in ("failed", "error") for r in terminalreporter.stats.get(kind, [])]
    if failed:
        terminalreporter.section("to run a failure again")
        profile = os.environ.get("HYPOTHESIS_PROFILE", "dev")
        for nodeid in dict.fromkeys(failed):
            terminalreporter.line(f"HYPOTHESIS_PROFILE={profile} python -m pytest {shlex.quote(nodeid)}")
