"""From what is known of a reader to places: candidates of all tiers, features, rules, kept places, reasons.

Reads the catalogue's arrays and a model, no table; the random generator is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from recommender.choices import Source
from recommender.selectors import ReaderFacts, Shelf, shares_kept

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recommender.engine.models.base import Model
    from recommender.engine.re_rank import Policy
    from recommender.engine.serve import Recommender

POOL = 10
"""So many new courses, the best for this reader, are drawn from for a kept place."""
PARTS = 3
"""So many courses of the history are written beside a place; what the others add is in `rest`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A course at its place. `reason` takes `score` apart: parts, features and rest add up to it.

    `arm` brought it to a list that two arms share.
    """

    course: int
    source: str
    score: float
    propensity: float
    reason: dict[str, Any]
    arm: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Bridge:
    """From a model's indices to places on a shelf and back (-1: not there); `mask`: what of the model is on sale."""

    to_shelf: "NDArray[np.int64]"
    to_model: "NDArray[np.int64]"
    mask: "NDArray[np.bool_]"


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One request: what is known of the reader, what speaks for their taste, and what it is judged by.

    `history` are courses by id, the oldest first; `seen` their places on the shelf, `taken` their indices in the model.
    """

    facts: ReaderFacts
    shelf: Shelf
    model: "Model | None"
    policy: "Policy"
    beside: int | None
    history: list[int]
    seen: "NDArray[np.int64]"
    taken: "NDArray[np.int32]"


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Candidates by their places on the shelf, with coefficient times feature and the sums; `known` to the model.

    `scale` turns an amount of the model's score into one of the sum.
    """

    at: "NDArray[np.int64]"
    amounts: "NDArray[np.float64]"
    scores: "NDArray[np.float64]"
    known: "NDArray[np.bool_]"
    scale: float


def places_for(
    facts: ReaderFacts,
    *,
    shelf: Shelf,
    recommender: "Recommender | None",
    policy: "Policy",
    beside: int | None,
    places: int,
    rng: "np.random.Generator",
    shown: Sequence[int] = (),
) -> list[Choice]:
    """The list for this reader, best first; empty where nothing may be suggested. `beside`: the course on the page.

    `shown`: the courses of a list of which one asks how probable it was, see `compose`.
    """
    from recommender.engine.explore import Fresh, compose
    from recommender.engine.re_rank import arrange

    asked = _asked(facts, shelf, recommender if facts.personal else None, policy, beside)
    judged = _judge(asked)
    if not judged.at.size:
        return []
    order = (-judged.scores).argsort(kind="stable").tolist()
    at = judged.at.tolist()
    creators = [shelf.creators[place] for place in at]
    ranked = arrange(order, creators=creators, tail=shelf.tail[judged.at].tolist(), places=places, policy=policy)
    new = shelf.new[judged.at].tolist()
    best = islice((item for item in order if new[item]), POOL)
    pool = [Fresh(item, int(shelf.clicks[at[item]]), int(shelf.shows[at[item]])) for item in best]
    index = {int(shelf.ids[place]): item for item, place in enumerate(at)} if shown else {}
    as_shown = [index.get(course) for course in shown]
    placed = compose(ranked, pool, creators=creators, places=places, policy=policy, rng=rng, shown=as_shown)
    parts = _parts(asked, judged, [place.item for place in placed])
    reasons = [_reason(asked, judged, place.item, own) for place, own in zip(placed, parts, strict=True)]
    return [
        Choice(
            course=int(shelf.ids[at[place.item]]),
            source=str(Source.EXPLORE if place.explored else _source(reason)),
            score=float(judged.scores[place.item]),
            propensity=place.propensity,
            reason=reason,
        )
        for place, reason in zip(placed, reasons, strict=True)
    ]


def _asked(
    facts: ReaderFacts, shelf: Shelf, recommender: "Recommender | None", policy: "Policy", beside: int | None
) -> _Asked:
    """What speaks for somebody's taste; the course on the page is the latest interest."""
    import numpy as np

    against = {*facts.withdrawn, *facts.hidden, *facts.less, beside}
    history = [pk for pk in facts.history if pk not in against]
    if beside is not None and facts.personal:
        history.append(beside)
    seen = np.array([shelf.index[pk] for pk in history if pk in shelf.index], dtype=np.int64)
    if recommender is None:
        return _Asked(facts, shelf, None, policy, beside, history, seen, np.empty(0, dtype=np.int32))
    known = _indices(recommender)
    taken = np.array([known[pk] for pk in history if pk in known], dtype=np.int32)
    model = recommender.model if taken.size else None
    return _Asked(facts, shelf, model, policy, beside, history, seen, taken)


@lru_cache(maxsize=4)
def _indices(recommender: "Recommender") -> dict[int, int]:
    return {pk: index for index, pk in enumerate(recommender.model.item_ids.tolist())}


@lru_cache(maxsize=4)
def _bridge(model: "Model", shelf: Shelf) -> _Bridge:
    import numpy as np

    ids = model.item_ids.tolist()
    to_shelf = np.array([shelf.index.get(pk, -1) for pk in ids], dtype=np.int64)
    to_model = np.full(shelf.ids.size, -1, dtype=np.int64)
    on_sale = np.flatnonzero(to_shelf >= 0)
    to_model[to_shelf[on_sale]] = on_sale
    return _Bridge(to_shelf, to_model, to_shelf >= 0)


def _judge(asked: _Asked) -> _Judged:
    import numpy as np

    from recommender.engine.re_rank import history_weight, standardise

    shelf, policy = asked.shelf, asked.policy
    builds, allowed = _builds_and_allowed(asked)
    raw, told = np.zeros(shelf.ids.size), np.zeros(shelf.ids.size, dtype=np.bool_)
    if asked.model is not None:
        bridge = _bridge(asked.model, shelf)
        mask = bridge.mask.copy()
        barred = bridge.to_model[np.flatnonzero(~allowed)]
        mask[barred[barred >= 0]] = False
        best = asked.model.top_k(asked.taken, policy.candidates, candidates=mask)
        places = bridge.to_shelf[best.items]
        raw[places], told[places] = best.scores, True
    at = _candidates(asked, told, allowed)
    known = told[at]
    standard = standardise(raw[at], known)
    weight = history_weight(asked.seen.size) if known.any() else 0.0
    features = _features(asked, at, builds, weight)
    features[:, 0] = weight * standard.values
    amounts = features * policy.coefficients
    return _Judged(at, amounts, amounts.sum(axis=1), known, policy.model * weight / standard.deviation)


def _builds_and_allowed(asked: _Asked) -> "tuple[NDArray[np.bool_], NDArray[np.bool_]]":
    """What builds on something owned, and what may be suggested.

    Nothing owned, given back or waved away, not the course on the page, nothing that asks for more than is owned.
    """
    import numpy as np

    facts, shelf = asked.facts, asked.shelf
    builds, allowed = np.zeros(shelf.ids.size, dtype=np.bool_), np.ones(shelf.ids.size, dtype=np.bool_)
    owned = set(facts.owned)
    for pk, needed in shelf.asks.items():
        if (place := shelf.index.get(pk)) is not None:
            met = needed <= owned
            builds[place], allowed[place] = met, met
    barred = [*facts.barred, *([asked.beside] if asked.beside is not None else [])]
    allowed[[shelf.index[pk] for pk in barred if pk in shelf.index]] = False
    return builds, allowed


def _candidates(asked: _Asked, told: "NDArray[np.bool_]", allowed: "NDArray[np.bool_]") -> "NDArray[np.int64]":
    """Places on the shelf: the model's best, the most learned, the same of the reader's topics, the newest."""
    import numpy as np

    shelf, share = asked.shelf, max(asked.policy.candidates // 4, 1)
    popular = shelf.order[allowed[shelf.order]]
    liked = np.zeros(len(shelf.topics), dtype=np.bool_)
    liked[_topics(asked)] = True
    chosen = told & allowed
    chosen[[place for pk, _n in asked.facts.came if (place := shelf.index.get(pk, -1)) >= 0 and allowed[place]]] = True
    for tier in (popular, popular[liked[shelf.topic[popular]]], popular[shelf.new[popular]]):
        chosen[tier[:share]] = True
    return np.flatnonzero(chosen)


def _topics(asked: _Asked) -> list[int]:
    """Topics (by place) chosen, landed on, on the page, or of the latest courses."""
    facts, shelf = asked.facts, asked.shelf
    page = _page(asked)
    told = [topic for topic in (*facts.topics, facts.landing) if topic is not None and topic in shelf.topics]
    return [*(shelf.topics[topic] for topic in told), *shelf.topic[[*asked.seen[-5:].tolist(), *page]].tolist()]


def _page(asked: _Asked) -> list[int]:
    """The place of the course on the page, where it is on the shelf."""
    return [asked.shelf.index[asked.beside]] if asked.beside is not None and asked.beside in asked.shelf.index else []


def _features(
    asked: _Asked, at: "NDArray[np.int64]", builds: "NDArray[np.bool_]", weight: float
) -> "NDArray[np.float64]":
    """The matrix of `re_rank.FEATURES`, without the model's own column."""
    import numpy as np

    from recommender.engine.re_rank import FEATURES, level_gap

    facts, shelf, seen = asked.facts, asked.shelf, asked.seen
    matrix = np.zeros((at.size, len(FEATURES)))
    column = {name: matrix[:, place] for place, name in enumerate(FEATURES)}
    topics = shelf.topic[at]
    column["cold"][:] = (1 - weight) * _cold(asked, at)
    if seen.size:
        recent = 0.9 ** np.arange(seen.size - 1, -1, -1)
        by_topic = np.bincount(shelf.topic[seen], recent / recent.sum(), len(shelf.topics))
        column["topic"][:] = by_topic[topics]
        known = np.zeros(shelf.makers_count + 1, dtype=np.bool_)
        known[shelf.makers[seen]] = True
        known[-1] = False  # where a course has fewer creators
        column["creator"][:] = known[shelf.makers[at]].any(axis=1)
    column["popular"][:] = shelf.popular[at]
    owned = [shelf.level[shelf.index[pk]] for pk in facts.owned if pk in shelf.index]
    column["level"][:] = level_gap(shelf.level[at], max(owned, default=None))
    column["prerequisites"][:] = builds[at]
    column["price"][:] = shelf.price[at]
    if asked.policy.margin:
        column["margin"][:] = shares_kept(shelf=shelf)[at]
    less = [shelf.topic[shelf.index[pk]] for pk in facts.less if pk in shelf.index]
    if less:
        column["damped"][:] = 1 - 0.5 ** np.bincount(less, minlength=len(shelf.topics))[topics]
    return matrix


def _cold(asked: _Asked, at: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """What speaks to a stranger: a chosen topic 2, the topic of the first or of this page 1, what others bought who
    came the same way up to 1, and what many learn.
    """
    import numpy as np

    facts, shelf = asked.facts, asked.shelf
    worth = np.zeros(len(shelf.topics))
    worth[[shelf.topics[topic] for topic in facts.topics if topic in shelf.topics]] += 2.0
    if facts.landing is not None and facts.landing in shelf.topics:
        worth[shelf.topics[facts.landing]] += 1.0
    worth[shelf.topic[_page(asked)]] += 1.0
    came = np.zeros(shelf.ids.size)
    for pk, orders in facts.came:
        if pk in shelf.index:
            came[shelf.index[pk]] = np.log1p(orders) / np.log1p(facts.came[0][1])
    found: NDArray[np.float64] = 0.5 * shelf.popular[at] + worth[shelf.topic[at]] + came[at]
    return found


def _parts(asked: _Asked, judged: _Judged, items: Sequence[int]) -> list[list[tuple[int, float]]]:
    """For each place, what courses of the history added to its sum, largest first, exactly as the model says."""
    if asked.model is None or not items or not judged.known.any():
        return [[] for _ in items]
    known = judged.known[items]
    targets = _bridge(asked.model, asked.shelf).to_model[judged.at[items]]
    amounts = asked.model.contributions(asked.taken, targets * known).parts * judged.scale
    rows = (-amounts).argsort(axis=0, kind="stable")[:PARTS]
    ids = asked.model.item_ids[asked.taken]
    return [
        [(int(ids[row]), float(amounts[row, place])) for row in rows[:, place].tolist() if amounts[row, place] > 0]
        if known[place]
        else []
        for place in range(len(items))
    ]


def _source(reason: dict[str, Any]) -> Source:
    """What speaks most for it: the model, its topic, or how many learn it."""
    if reason["parts"]:
        return Source.MODEL
    return Source.TOPIC if "topic" in reason else Source.POPULAR


def _reason(asked: _Asked, judged: _Judged, item: int, parts: Sequence[tuple[int, float]]) -> dict[str, Any]:
    from recommender.engine.re_rank import FEATURES

    facts, shelf, beside = asked.facts, asked.shelf, asked.beside
    amounts = dict(zip(FEATURES, judged.amounts[item].tolist(), strict=True))
    model = amounts.pop("model")
    place = shelf.topic[judged.at[item]]
    same = [seen for seen in [*asked.seen.tolist(), *_page(asked)] if shelf.topic[seen] == place]
    topic = shelf.topic_ids[place]
    told = {"topic": topic} if same or topic in facts.topics or topic == facts.landing else {}
    return {
        "parts": [[course, amount] for course, amount in parts],
        "rest": model - sum(amount for _course, amount in parts),
        "features": {name: amount for name, amount in amounts.items() if amount},
        **told,
        **({"via": int(shelf.ids[same[-1]])} if same else {}),
        **({"beside": beside} if beside is not None else {}),
        "owned": [course for course, _amount in parts if course in facts.owned],
    }
