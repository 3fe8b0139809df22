"""Beside this file lie modules that tests of several folders import: pytest puts the folder on the path."""
