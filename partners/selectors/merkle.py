"""Hash trees over plain data, so that one line can be proven without showing the others.

A leaf is SHA-256 over a zero byte and the line's canonical JSON; a node over a one byte and its two children; a child
without a sibling goes up as it is. `verify_statement.py` computes the same with nothing but Python.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

LEFT, RIGHT = "left", "right"


def canonical(value: Any) -> bytes:
    """Plain data as one text: keys sorted, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf(value: Any) -> str:
    """The hash of one line."""
    return hashlib.sha256(b"\0" + canonical(value)).hexdigest()


def root(leaves: Sequence[str]) -> str:
    """The hash over all leaves in order; of none, the hash of nothing."""
    return _levels(leaves)[-1][0] if leaves else hashlib.sha256(b"").hexdigest()


def proofs(leaves: Sequence[str]) -> list[list[list[str]]]:
    """For each leaf the siblings from the bottom up, each with its side: what leads from the leaf to the root."""
    levels = _levels(leaves)[:-1] if leaves else []
    found = []
    for i in range(len(leaves)):
        path, at = [], i
        for level in levels:
            sibling = at ^ 1
            if sibling < len(level):
                path.append([LEFT if sibling < at else RIGHT, level[sibling]])
            at //= 2
        found.append(path)
    return found


def climbed(start: str, path: Sequence[Sequence[str]]) -> str:
    """The root to which a proof leads."""
    at = start
    for side, sibling in path:
        at = _node(sibling, at) if side == LEFT else _node(at, sibling)
    return at


def _levels(leaves: Sequence[str]) -> list[list[str]]:
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = [below[i : i + 2] for i in range(0, len(below), 2)]
        levels.append([_node(*pair) if len(pair) == 2 else pair[0] for pair in pairs])
    return levels


def _node(left: str, right: str) -> str:
    return hashlib.sha256(b"\1" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()
