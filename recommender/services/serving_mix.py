"""Two ways of suggesting in one list: drafted in turn, the rules of lists kept, the place for new courses nobody's."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from random import Random

from recommender.choices import Source
from recommender.models import ServingPolicy, TrainingRun
from recommender.selectors import Shelf
from recommender.services.serving_rank import Choice


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its arm, and its model and figures (None: what serves)."""

    arm: int
    run: TrainingRun | None
    policy: ServingPolicy | None


def mixed(
    lists: tuple[Sequence[Choice], Sequence[Choice]],
    *,
    sides: tuple[Side, Side],
    shelf: Shelf,
    limit: int,
    per_creator: int,
    tail: float,
    seed: str,
) -> tuple[Choice, ...]:
    """One list of both by team-draft interleaving, each place with the arm that brought it.

    What stands on the first list by the draw for new courses keeps its place at the end and is counted for neither, so
    an experiment takes nothing from them. At most `per_creator` places are one creator's, and `tail` of the others go
    to courses that few have found, as in any list. `seed` decides the coins: a reader sees the same list all day.
    """
    from recommender.engine.experiments.interleave import team_draft

    kept = [choice for choice in lists[0] if choice.source == Source.EXPLORE]
    new = {choice.course for choice in kept}
    ranked = [
        {choice.course: choice for choice in one if choice.course not in new and choice.source != Source.EXPLORE}
        for one in lists
    ]
    rules = _Rules(shelf, kept, ranked, limit - len(kept), per_creator, tail)
    drafted = team_draft(list(ranked[0]), list(ranked[1]), k=limit - len(kept), rng=Random(seed), fits=rules.fits)  # noqa: S311 - a coin, no secret
    places = [
        replace(own, arm=sides[one.team].arm, propensity=own.propensity * one.chance)
        for one in drafted
        for own in [ranked[one.team][one.item]]
    ]
    return (*places, *kept)


class _Rules:
    """What may stand beside what was drafted already."""

    def __init__(
        self,
        shelf: Shelf,
        kept: Sequence[Choice],
        ranked: Sequence[dict[int, Choice]],
        places: int,
        per_creator: int,
        tail: float,
    ) -> None:
        courses = {choice.course for choice in kept}.union(*ranked)
        at = {course: shelf.index[course] for course in courses}
        self.creators = {course: shelf.creators[place] for course, place in at.items()}
        self.tail = {course for course in courses if shelf.tail[at[course]]}
        self.kept = [choice.course for choice in kept]
        self.places, self.per_creator = places, per_creator
        self.wanted = min(int((places + len(kept)) * tail + 0.5), places) - sum(pk in self.tail for pk in self.kept)
        self.rare = self.tail.intersection(set().union(*ranked))

    def fits(self, course: int, drafted: Collection[int]) -> bool:
        """At most so many of one creator; the last places only for what few have found, while they lack some."""
        used = Counter(maker for pk in (*drafted, *self.kept) for maker in self.creators[pk])
        if not self._room(course, used):
            return False
        lacking = self.wanted - sum(pk in self.tail for pk in drafted)
        spare = sum(self._room(pk, used) for pk in self.rare.difference(drafted))
        return course in self.tail or min(lacking, spare) < self.places - len(drafted)

    def _room(self, course: int, used: Counter[int]) -> bool:
        return all(used[maker] < self.per_creator for maker in self.creators[course])
