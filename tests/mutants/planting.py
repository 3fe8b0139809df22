"""Faults planted in the running library: one snippet of one function is replaced, wherever it is used.

The function's code object is exchanged, so that every module that imported it sees the fault. This cannot be
taken back cleanly (caches would remember): faults are planted in a process of their own, see nursery.py.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    ``place`` is ``module:function`` below ``dualact``, ``old`` text that occurs once in its source, ``new``
    what stands there instead, ``killers`` the laws that are there for it (names of cases), the first of them
    the one that the suite insists on; ``rule`` says that the project's style guide names the fault.
    """

    name: str
    area: str
    place: str
    old: str
    new: str
    killers: tuple[str, ...]
    rule: bool = False


def plant(fault: Fault) -> None:
    """Make the fault part of this process."""
    function = _resolve(fault.place)
    source = inspect.getsource(function)
    count = source.count(fault.old)
    if count != 1:
        raise LookupError(f"{fault.name}: {fault.old!r} occurs {count} times in {fault.place}, not once")
    changed = textwrap.dedent(source.replace(fault.old, fault.new))
    scope = dict(function.__globals__)
    text = "from __future__ import annotations\n" + changed
    exec(compile(text, f"<{fault.name}>", "exec"), scope)
    made = _bare(scope[function.__name__])
    if made.__code__.co_freevars != function.__code__.co_freevars:
        raise LookupError(f"{fault.name}: {fault.place} closes over {function.__code__.co_freevars}")
    function.__code__ = made.__code__


def _resolve(place: str):
    module, _, path = place.partition(":")
    found = importlib.import_module(f"dualact.{module}")
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    return _bare(found)


def _bare(found):
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    if isinstance(found, property):
        found = found.fget
    return inspect.unwrap(found)
