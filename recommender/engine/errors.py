"""What can go wrong between an array and a ranked list."""

from __future__ import annotations


class EngineError(ValueError):
    """Base of everything the engine refuses."""


class ConfigError(EngineError):
    """A model name, setting or metric that does not exist or lies out of range."""


class DataError(EngineError):
    """Interactions that cannot be read: lengths differ, ids unknown, weights not positive, nothing there."""


class LeakError(EngineError):
    """An evaluation that would look at its own answers."""


class ArtefactError(EngineError):
    """A model file that is missing, cut short, altered or of another format."""
