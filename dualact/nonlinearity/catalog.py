"""The catalog: every activation by name, whoever provides it.

Names come from entry points (the built-ins' and anyone's, by the same door) and from :func:`register`.
Nothing is imported before it is asked for: the first look-up reads the metadata of what is installed, and
each activation is loaded by itself. What comes out is an :class:`~dualact.nonlinearity.contract.Activation`
whose name and parameters are its whole identity, so they are all that needs to be stored.
"""

from __future__ import annotations

import sys
from typing import Any

from ..errors import DualactError
from .contract import Activation
from .family import Factory
from .store import Store
from .table import ActivationTable

__all__ = ["activation", "activations", "register", "resolve", "unregister"]

_STORE = Store()


def activation(name: str, **params: Any) -> Activation:
    """Return a registered activation.

    Parameters
    ----------
    name : str
        A registered name; :func:`activations` lists them.
    **params
        Its parameters; those left out take their defaults.

    Returns
    -------
    Activation
        With all its parameters, defaults included, and the name it persists by: an alias gives the
        activation that it stands for. The same object for equal parameters.

    Raises
    ------
    UnknownActivationError
        If there is no such name; the message offers near ones.
    PluginError
        If its provider fails, or two providers offer different objects under this name.
    DualactError
        For an unknown, missing or ill-typed parameter; the message lists the legal ones.

    Notes
    -----
    The first look-up reads the metadata of all installed distributions (some milliseconds), the first of a
    name imports its module; any other takes microseconds.
    """
    return _STORE.get(name, params)


def activations(load: bool = False) -> ActivationTable:
    """Return the table of all registered activations.

    Parameters
    ----------
    load : bool
        Import every one, to know all its columns; one that fails warns, and the others go on. Otherwise
        nothing is imported, and what is not loaded shows name and provider.

    Returns
    -------
    ActivationTable
        A read-only mapping from name to :class:`~dualact.nonlinearity.table.ActivationRow`, sorted by name,
        with the columns name, parameters, dual ("exact" or "computed"), kernels ("nngp", "ntk"), provider,
        loaded. It prints itself, and as HTML in a notebook.

    Warns
    -----
    PluginWarning
        With ``load``, for each activation that cannot be had.
    """
    return _STORE.table(load)


def register(name: str, factory: Activation | Factory, overwrite: bool = False) -> None:
    """Register an activation in this process.

    A package does so by an entry point in the group ``dualact.activations`` instead.

    Parameters
    ----------
    name : str
        The name to look it up by.
    factory : Activation or callable
        A ready-made Activation, or a callable with named parameters that returns one (none of them called
        ``activation``, ``layer`` or ``name``, the keys of stored networks). The same object under the same
        name again changes nothing.
    overwrite : bool
        Replace what is there, a built-in included, until :func:`unregister`.

    Raises
    ------
    PluginError
        If the name is taken by a different object, or ``factory`` is neither of the two.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.catalog import activation, register, unregister
    >>> from dualact.nonlinearity.contract import Activation
    >>> def wave(frequency: float = 1.0) -> Activation:
    ...     return Activation("wave", lambda t: np.sin(frequency * t), parity="odd")
    >>> register("wave", wave)
    >>> activation("wave", frequency=2)
    activation('wave', frequency=2.0)
    >>> unregister("wave")
    """
    _STORE.register(name, factory, sys._getframe(1).f_globals.get("__name__") or "user", overwrite)


def unregister(name: str) -> None:
    """Take back a :func:`register`; what an entry point provides under that name comes back.

    Parameters
    ----------
    name : str
        A name that was registered in this process.

    Raises
    ------
    UnknownActivationError
        If there is no such name.
    PluginError
        If it is an installed distribution's, which cannot be taken back from here.
    """
    _STORE.unregister(name)


def resolve(given: Activation | str) -> Activation:
    """Return the activation that a public function was given, itself or by name.

    Raises
    ------
    DualactError
        If it is neither; else as :func:`activation`.
    """
    other: object = given
    if isinstance(other, Activation):
        return other
    if isinstance(other, str):
        return _STORE.get(other, {})
    hint = " Make an activation of a function by from_function(name, phi)." if callable(given) else ""
    raise DualactError(
        f"expected an Activation or the name of one. Got {given!r} ({type(given).__name__}).{hint}"
    )
