"""What can go wrong, as classes: every error of dualact derives from :class:`DualactError`."""

from __future__ import annotations

__all__ = [
    "AccuracyWarning",
    "CheckpointError",
    "DualactError",
    "NetworkError",
    "PluginError",
    "PluginWarning",
    "UnknownActivationError",
]


class DualactError(ValueError):
    """Base of all errors raised by dualact."""


class NetworkError(DualactError):
    """A network that is ill-defined, or asked for something that it does not have."""


class PluginError(DualactError):
    """An activation that breaks the plugin contract; the message names who, where and what."""


class UnknownActivationError(DualactError):
    """No activation of that name is registered; the message offers near matches."""


class CheckpointError(DualactError, OSError):
    """A checkpoint that cannot be written or read, or that belongs to another run."""


class PluginWarning(UserWarning):
    """A plugin that could not be loaded; everything else goes on without it."""


class AccuracyWarning(UserWarning):
    """A result whose estimated error exceeds the tolerance; the message gives the number."""
