"""Where tensors live. The choice has one written order: what was asked for, else CUDA if present, else the CPU."""

from __future__ import annotations

import torch

from recommender.engine.errors import ConfigError


def choose_device(wanted: str | None = None) -> torch.device:
    """Return the device named by `wanted` (``"cpu"``, ``"cuda"``, ``"cuda:1"``), or the best one for None or "auto".

    Raises ConfigError for a name torch does not know, or for a CUDA device this machine lacks: work that was asked
    to run on an accelerator never falls back to the CPU in silence.
    """
    if wanted in (None, "", "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(f"unknown device {wanted!r}") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {wanted!r} is neither cpu nor cuda")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device {wanted!r} is not present on this machine")
    return device


def describe_device(device: torch.device) -> str:
    """Name the device as a training run records it: ``"cpu"`` or the accelerator's product name."""
    if device.type == "cuda":  # cuda-only
        return str(torch.cuda.get_device_name(device))
    return "cpu"
