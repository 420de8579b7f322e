"""Two rankers in one list: team-draft interleaving, and which of them the clicks prefer.

Radlinski, Kurup and Joachims, "How Does Clickthrough Data Reflect Retrieval Quality?" (CIKM 2008). Each round a coin
says who picks first; each team then adds its best item that is not in the list yet. A click counts for the team that
brought the item. Who prefers which is tested by the exact sign test, or, for who looks whenever they like, by the
beta-binomial mixture martingale (Robbins, Ann. Math. Stat. 41, 1970, with a uniform mixture), whose interval holds at
any time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import ceil, comb, exp, lgamma, log, sqrt
from random import Random
from typing import NamedTuple

from recommender.engine.errors import ConfigError

ALPHA = 0.05


class Drafted(NamedTuple):
    """An item, the team (0 or 1) that brought it, and its chance to stand there, given the items before it."""

    item: int
    team: int
    chance: float


class Preference(NamedTuple):
    """Lists that team 1 won, lists that it lost, ties, and the two-sided p-value of no preference."""

    wins: int
    losses: int
    ties: int
    p: float


class Share(NamedTuple):
    """The share of those who prefer one team that prefer team 1, its interval, the p-value of one half."""

    value: float
    low: float
    high: float
    p: float


def team_draft(
    first: Sequence[int],
    second: Sequence[int],
    *,
    k: int,
    rng: Random,
    fits: Callable[[int, Collection[int]], bool] = lambda _item, _drafted: True,
) -> list[Drafted]:
    """At most `k` items of both rankings, none twice; fewer where both run out.

    `fits` says whether an item may stand beside those drafted already; a team whose best may not, brings its next.
    """
    ranked = (list(dict.fromkeys(first)), list(dict.fromkeys(second)))
    drafted: dict[int, Drafted] = {}

    def best(team: int) -> int | None:
        return next((item for item in ranked[team] if item not in drafted and fits(item, drafted.keys())), None)

    while len(drafted) < k:
        before, opening, lead = len(drafted), (best(0), best(1)), rng.randrange(2)
        for turn, team in enumerate((lead, 1 - lead)):
            pick = opening[team] if turn == 0 else best(team)
            if pick is None or len(drafted) == k:
                continue
            could = [pick]
            if turn == 0:
                could = [item for item in opening if item is not None]
            elif opening[0] == opening[1]:  # the list does not tell who led, so either may come now
                could = [item for item in (best(0), best(1)) if item is not None]
            drafted[pick] = Drafted(pick, team, could.count(pick) / len(could))
        if len(drafted) == before:
            break
    return list(drafted.values())


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


def share_now(wins: int, losses: int, *, alpha: float = ALPHA) -> Share:
    """Looked at once: the exact interval of Clopper and Pearson (Biometrika 26, 1934) beside the sign test's p."""
    from scipy.special import betaincinv

    low = float(betaincinv(wins, losses + 1, alpha / 2)) if wins else 0.0
    high = float(betaincinv(wins + 1, losses, 1 - alpha / 2)) if losses else 1.0
    return Share(_share(wins, losses), low, high, preference([1] * wins + [-1] * losses).p)


def share_always(wins: int, losses: int, *, alpha: float = ALPHA) -> Share:
    """Looked at whenever one likes: shares whose evidence against them has not reached 1 / alpha, and p of one half."""
    value = _share(wins, losses)
    if not wins + losses:
        return Share(value, 0.0, 1.0, 1.0)
    low = _edge(wins, losses, 0.0, value, alpha) if wins else 0.0
    high = _edge(wins, losses, 1.0, value, alpha) if losses else 1.0
    return Share(value, low, high, min(1.0, exp(-_evidence(wins, losses, 0.5))))


def readers_needed(lift: float, *, alpha: float = ALPHA, power: float = 0.8) -> int:
    """How many readers with a preference are needed to find that a share of (1 + lift) / 2 prefers one team.

    Raises ConfigError for a lift that is zero or not between -1 and 1.
    """
    from scipy.special import ndtri

    if not (-1 < lift < 1 and lift):
        raise ConfigError("the lift of a preference lies between -1 and 1 and is not zero")
    by_chance, by_effect = float(ndtri(1 - alpha / 2)) / 2, float(ndtri(power)) * sqrt(1 - lift**2) / 2
    return ceil(((by_chance + by_effect) / (lift / 2)) ** 2)


def _share(wins: int, losses: int) -> float:
    return wins / (wins + losses) if wins + losses else 0.5


def _evidence(wins: int, losses: int, share: float) -> float:
    """Logarithm of the mixture's likelihood against that of this share."""
    mixed = lgamma(wins + 1) + lgamma(losses + 1) - lgamma(wins + losses + 2)
    return mixed - wins * log(share) - losses * log(1 - share)


def _edge(wins: int, losses: int, outer: float, inner: float, alpha: float) -> float:
    """Where the evidence against a share reaches 1 / alpha, between an impossible share and the one observed."""
    for _halving in range(60):
        middle = (outer + inner) / 2
        if _evidence(wins, losses, middle) < log(1 / alpha):
            inner = middle
        else:
            outer = middle
    return inner
