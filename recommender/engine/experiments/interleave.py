"""Two rankers in one list: team-draft interleaving, and which of them the clicks prefer.

Radlinski, Kurup and Joachims, "How Does Clickthrough Data Reflect Retrieval Quality?" (CIKM 2008). Each round a coin
says who picks first; each team then adds its best item that is not in the list yet. A click counts for the team that
brought the item. The preference is tested by the exact sign test over lists.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import comb
from random import Random
from typing import NamedTuple


class Drafted(NamedTuple):
    """An item and the team (0 or 1) that brought it."""

    item: int
    team: int


class Preference(NamedTuple):
    """Lists that team 1 won, lists that it lost, ties, and the two-sided p-value of no preference."""

    wins: int
    losses: int
    ties: int
    p: float


def team_draft(first: Sequence[int], second: Sequence[int], *, k: int, rng: Random) -> list[Drafted]:
    """At most `k` items of both rankings, none twice; fewer where both run out."""
    ranked = (list(dict.fromkeys(first)), list(dict.fromkeys(second)))
    drafted: dict[int, int] = {}
    while len(drafted) < k:
        lead = rng.randrange(2)
        before = len(drafted)
        for team in (lead, 1 - lead):
            pick = next((item for item in ranked[team] if item not in drafted), None)
            if pick is not None and len(drafted) < k:
                drafted[pick] = team
        if len(drafted) == before:
            break
    return [Drafted(item, team) for item, team in drafted.items()]


def winner(drafted: Sequence[Drafted], clicked: Collection[int]) -> int:
    """1 where team 1 got more clicks, −1 where team 0 did, 0 for a tie."""
    credit = sum(1 if place.team else -1 for place in drafted if place.item in clicked)
    return (credit > 0) - (credit < 0)


def preference(winners: Sequence[int]) -> Preference:
    """Count winners of lists and test them: ties say nothing."""
    wins, losses = winners.count(1), winners.count(-1)
    n = wins + losses
    tail = sum(comb(n, i) for i in range(min(wins, losses) + 1))
    p = min(1.0, 2 * tail / 2**n) if n else 1.0
    return Preference(wins, losses, len(winners) - n, p)
