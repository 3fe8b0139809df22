"""Not tests: one of these modules fails on import, on purpose."""

collect_ignore_glob = ["*"]
