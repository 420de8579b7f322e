"""What a planted fault is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Exchange `old`, which must stand in `path` exactly once, for `new`; at least one of `tests` must fail then."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]
