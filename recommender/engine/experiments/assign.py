"""Which arm somebody is in: by a keyed hash, so that it is the same at every visit and known to nobody else.

Layers after Tang, Agarwal, O'Brien and Meyer, "Overlapping Experiment Infrastructure" (KDD 2010): experiments of one
layer share its traffic in ranges that do not overlap; experiments of different layers are independent, because each
layer hashes with its own name.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from recommender.engine.errors import ConfigError

BUCKETS = 10_000
"""A layer's traffic, so one bucket is a basis point."""


def bucket(key: bytes, name: str, unit: str) -> int:
    """A place from 0 to 9,999 for a unit under a name: HMAC-SHA256 of both, the first 8 bytes modulo the buckets.

    The bias of the modulo is below 10,000 / 2^64.
    """
    digest = hmac.new(key, f"{name}\x00{unit}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def arm_of(
    key: bytes, *, layer: str, first: int, share: int, salt: str, weights: Sequence[int], unit: str
) -> int | None:
    """The arm's place, or None for who is not in the experiment.

    The experiment holds `share` buckets of its layer from `first` on; within it, arms are cut by `weights` under the
    experiment's own salt. Raises ConfigError for a range outside the layer or weights that are not positive.
    """
    if first < 0 or share < 1 or first + share > BUCKETS:
        raise ConfigError(f"buckets {first} to {first + share} do not lie within 0 to {BUCKETS}")
    if not weights or min(weights) < 1:
        raise ConfigError("every arm needs a weight above zero")
    if not first <= bucket(key, f"layer:{layer}", unit) < first + share:
        return None
    place = bucket(key, f"arm:{salt}", unit) * sum(weights)
    edge = 0
    for arm, weight in enumerate(weights[:-1]):
        edge += weight
        if place < edge * BUCKETS:
            return arm
    return len(weights) - 1


def free_range(taken: Sequence[tuple[int, int]], share: int) -> int | None:
    """The first bucket at which `share` buckets are free beside ranges (first, share); None where there is no room."""
    first = 0
    for start, length in sorted(taken):
        if first + share <= start:
            break
        first = max(first, start + length)
    return first if first + share <= BUCKETS else None
