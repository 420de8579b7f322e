"""A learning path: from a goal to an ordered list of courses.

A goal is a demand: for each aim (any hashable thing, such as "intermediate courses on data") how many courses that
serve it are wanted. A plan meets as much of the demand as the options can, leaves out every course without which it is
met as well, puts prerequisites first, and asks for nothing that is done or known. Equal arguments make equal plans.
Nothing here needs more than the standard library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from recommender.engine.errors import DataError

Aim = Hashable


class Why(Enum):
    """What brought a step into a path."""

    REQUIRED = "required"
    NEXT = "next"
    GOAL = "goal"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Option:
    """A course that a path may hold: its level (0 is where beginners begin), the aims it serves, what it asks for."""

    item_id: int
    level: int = 0
    serves: frozenset[Aim] = frozenset()
    requires: frozenset[int] = frozenset()


class Score(NamedTuple):
    """How well a course follows on a history, higher is better, and the course of it that spoke most for it."""

    value: float
    because: int | None = None


Scorer = Callable[[Sequence[int], Collection[int]], Mapping[int, Score]]
"""(history, oldest first; courses) -> their scores. A course without a score counts as 0."""


class Step(NamedTuple):
    """One step. `of`: for REQUIRED the first later step that asks for it, for NEXT the course that it follows."""

    item_id: int
    why: Why
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, and what of the demand nothing on offer serves."""

    steps: tuple[Step, ...]
    unserved: Mapping[Aim, int] = field(default_factory=dict)

    @property
    def item_ids(self) -> tuple[int, ...]:
        """The courses in order."""
        return tuple(step.item_id for step in self.steps)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands. `done`, oldest first, is finished; `owned` costs nothing more; `known` is taken as known.

    `pinned` courses stay in the path whatever the goal; `barred` ones never enter it by themselves, and as
    prerequisites they count as known.
    """

    done: tuple[int, ...] = ()
    owned: frozenset[int] = frozenset()
    known: frozenset[int] = frozenset()
    pinned: tuple[int, ...] = ()
    barred: frozenset[int] = frozenset()


def plan(options: Collection[Option], demand: Mapping[Aim, int], standing: Standing, score: Scorer) -> Plan:
    """Make a plan. Raises DataError for a ring of prerequisites, an option named twice, a pin that is not on offer.

    Courses are taken by what they still ask to be bought for each demand they meet, then by score; what turns out to
    be served by others is left out again, the weakest first. Within the order that prerequisites leave open, lower
    levels come first, then what the scorer would rather see next after the steps before.
    """
    offer = _offer(options)
    if unknown := [pin for pin in standing.pinned if pin not in offer]:
        raise DataError(f"course {unknown[0]} is pinned but not on offer")
    settled = frozenset(standing.done) | standing.known | (standing.barred - frozenset(standing.pinned))
    needs = {
        pk: frozenset(pre for pre in option.requires if pre in offer and pre not in settled)
        for pk, option in offer.items()
    }
    closures = _closures(needs)
    open_demand = _left(demand, standing.done, offer)
    pinned = tuple(pin for pin in standing.pinned if pin not in standing.done)
    first = score(standing.done, offer)
    chosen = _chosen(offer, closures, open_demand, standing, pinned, settled, first)
    kept = _pruned(offer, needs, open_demand, pinned, chosen, first)
    steps = _ordered(offer, needs, standing.done, kept, score)
    return Plan(
        tuple(_with_reasons(steps, needs, open_demand, offer, pinned)),
        _left(open_demand, kept, offer),
    )


def arranged(order: Sequence[int], requires: Mapping[int, Collection[int]]) -> list[int]:
    """Keep an order as far as prerequisites allow: each course as early as it stands, what it asks for just before.

    Raises DataError for a ring.
    """
    inside, placed = set(order), dict[int, None]()

    def place(course: int, path: tuple[int, ...]) -> None:
        if course in path:
            raise DataError(f"course {course} asks for itself")
        if course in placed:
            return
        for required in sorted(set(requires.get(course, ())) & inside, key=order.index):
            place(required, (*path, course))
        placed[course] = None

    for course in order:
        place(course, ())
    return list(placed)


def moved(
    order: Sequence[int], course: int, by: int, requires: Mapping[int, Collection[int]]
) -> tuple[list[int], int | None]:
    """Move a course `by` places (−1 is earlier) and tell the neighbour that forbids it, if one does.

    A neighbour forbids it that asks for the course, or for which the course asks; then the order comes back unchanged.
    At either end nothing moves.
    """
    at = order.index(course)
    to = at + (1 if by > 0 else -1)
    if not 0 <= to < len(order):
        return list(order), None
    other = order[to]
    earlier, later = (course, other) if to < at else (other, course)
    if later in requires.get(earlier, ()):
        return list(order), other
    swapped = list(order)
    swapped[at], swapped[to] = other, course
    return swapped, None


def alternatives(
    options: Collection[Option], step: int, taken: Collection[int], score: Mapping[int, Score], *, limit: int = 3
) -> list[int]:
    """What could stand in a step's place: not taken, serving an aim that it serves, best score first."""
    offer = _offer(options)
    serves = offer[step].serves if step in offer else frozenset()
    found = [pk for pk, option in offer.items() if pk not in taken and pk != step and option.serves & serves]
    return sorted(found, key=lambda pk: (-_value(score, pk), pk))[:limit]


def _offer(options: Collection[Option]) -> dict[int, Option]:
    offer = {option.item_id: option for option in sorted(options, key=lambda option: option.item_id)}
    if len(offer) < len(options):
        raise DataError("an option is named twice")
    return offer


def _closures(needs: Mapping[int, frozenset[int]]) -> dict[int, frozenset[int]]:
    """Each course with all that it asks for, by way of others too."""
    found: dict[int, frozenset[int]] = {}

    def close(course: int, path: tuple[int, ...]) -> frozenset[int]:
        if course in path:
            raise DataError(f"course {course} asks for itself")
        if course not in found:
            below = [close(required, (*path, course)) for required in sorted(needs[course])]
            found[course] = frozenset({course}).union(*below)
        return found[course]

    for course in needs:
        close(course, ())
    return found


def _left(demand: Mapping[Aim, int], taken: Collection[int], offer: Mapping[int, Option]) -> dict[Aim, int]:
    """What of a demand these courses leave open."""
    served = Counter(aim for pk in set(taken) if pk in offer for aim in offer[pk].serves)
    return {aim: count - served[aim] for aim, count in demand.items() if count > served[aim]}


def _chosen(
    offer: Mapping[int, Option],
    closures: Mapping[int, frozenset[int]],
    demand: Mapping[Aim, int],
    standing: Standing,
    pinned: Sequence[int],
    settled: frozenset[int],
    scores: Mapping[int, Score],
) -> set[int]:
    """A set closed under prerequisites that meets the demand as far as the offer can, greedily."""
    chosen = {course for pin in pinned for course in closures[pin]}
    while left := _left(demand, chosen, offer):
        best: tuple[float, float, int] | None = None
        for pk, option in offer.items():
            if pk in chosen or pk in settled or not option.serves & left.keys():
                continue
            fresh = closures[pk] - chosen
            gain = sum(left.values()) - sum(_left(left, fresh, offer).values())
            cost = len(fresh - standing.owned)
            key = (cost / gain, -_value(scores, pk), pk)
            best = key if best is None else min(best, key)
        if best is None:
            break
        chosen |= closures[best[2]]
    return chosen


def _pruned(
    offer: Mapping[int, Option],
    needs: Mapping[int, frozenset[int]],
    demand: Mapping[Aim, int],
    pinned: Sequence[int],
    chosen: set[int],
    scores: Mapping[int, Score],
) -> set[int]:
    """Without every course whose absence leaves the demand met as well, the weakest first."""
    kept, missed = set(chosen), _left(demand, chosen, offer)
    changed = True
    while changed:
        changed = False
        for course in sorted(kept, key=lambda pk: (_value(scores, pk), -pk)):
            if course in pinned or any(course in needs[other] for other in kept):
                continue
            if _left(demand, kept - {course}, offer) == missed:
                kept.remove(course)
                changed = True
    return kept


def _ordered(
    offer: Mapping[int, Option],
    needs: Mapping[int, frozenset[int]],
    done: Sequence[int],
    kept: set[int],
    score: Scorer,
) -> list[tuple[int, Score]]:
    """The courses one after the other, each with the score it had when it was placed."""
    placed: list[tuple[int, Score]] = []
    waiting = set(kept)
    while waiting:
        history = [*done, *(pk for pk, _score in placed)]
        ready = [pk for pk in sorted(waiting) if not needs[pk] & waiting]
        scores = score(history, ready)
        following = min(ready, key=lambda pk: (offer[pk].level, -_value(scores, pk), pk))
        placed.append((following, scores.get(following, Score(0.0))))
        waiting.remove(following)
    return placed


def _with_reasons(
    steps: Sequence[tuple[int, Score]],
    needs: Mapping[int, frozenset[int]],
    demand: Mapping[Aim, int],
    offer: Mapping[int, Option],
    pinned: Sequence[int],
) -> list[Step]:
    """Each step with why it is there: chosen by hand, asked for, usual after another, or the goal's."""
    told = []
    for place, (course, score) in enumerate(steps):
        later = next((pk for pk, _score in steps[place + 1 :] if course in needs[pk]), None)
        if course in pinned:
            told.append(Step(course, Why.CHOSEN))
        elif later is not None and not offer[course].serves & demand.keys():
            told.append(Step(course, Why.REQUIRED, later))
        elif score.because is not None:
            told.append(Step(course, Why.NEXT, score.because))
        elif later is not None:
            told.append(Step(course, Why.REQUIRED, later))
        else:
            told.append(Step(course, Why.GOAL))
    return told


def _value(scores: Mapping[int, Score], course: int) -> float:
    return scores[course].value if course in scores else 0.0
