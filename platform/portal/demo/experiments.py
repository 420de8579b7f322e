"""An experiment of the demo that runs: what was shown, who met which arm, and orders that came after."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import numpy as np
from django.utils import timezone

from accounts.models import User
from courses.models import Enrolment, OrderLine
from recommender.choices import ExperimentKind, Slot, Source
from recommender.models import Experiment, Exposure, Impression, ServedList
from recommender.selectors.experiments import running_at, unit_of
from recommender.services import (
    NewArm,
    NewExperiment,
    arm_for,
    experiment_replay,
    experiment_start,
    experiment_write,
    suggest,
    suggest_tried,
)

READERS, PLACES, DAYS, SHARING = 1_200, 4, 21, 90
OPENED = (0.09, 0.06, 0.04, 0.03)
"""How often a place is opened, the first one first."""


def make_experiment(*, last_day: date, by: User, seed: int) -> None:
    """Lists of three weeks, a replay of them, and an experiment that has run since; orders are those of the year."""
    rng = np.random.default_rng(seed)
    people = list(User.objects.filter(enrolments__isnull=False).distinct().order_by("-pk")[:READERS])
    courses = list(Enrolment.objects.order_by("-pk").values_list("course_id", flat=True)[:400])
    if len(people) < 10 or len(set(courses)) < PLACES:
        return
    began = datetime.combine(last_day, time(8), timezone.get_default_timezone()) - timedelta(days=DAYS)
    _lists(people, courses, began - timedelta(days=14), rng)
    made = experiment_write(
        new=NewExperiment(
            name="More room for courses few have found",
            name_zh="给冷门好课更多位置",
            hypothesis="Learners who see less of what everybody takes find more that is for them, and buy as much.",
            arms=[
                NewArm(name="What serves now"),
                NewArm(name="Room for the tail", figures={"tail": 0.35, "popular": 0.1}),
            ],
            share_bp=10_000,
            rate_ppm=60_000,
        ),
        by=by,
    )
    experiment_replay(experiment_id=made.pk, by=by)
    experiment_start(experiment_id=made.pk, reason="The replay speaks against neither arm.", by=by)
    Experiment.objects.filter(pk=made.pk).update(created_at=began, started_at=began)
    (experiment,) = running_at(slot=Slot.HOME)
    _exposures(experiment, people, began, rng)
    _share(people[:SHARING], by, rng)


def _share(people: Sequence[User], by: User, rng: np.random.Generator) -> None:
    """An experiment of two arms in one list after a purchase, met by some people of the last two weeks."""
    shown_before = [suggest(user=person, visitor_key=None, slot=Slot.BOUGHT) for person in people[:10]]
    if not any(one.choices for one in shown_before):
        return
    made = experiment_write(
        new=NewExperiment(
            name="By topic, or by what all take",
            name_zh="按主题，还是按大家都在学的",
            hypothesis="After a purchase, more of the same topic is opened more often than what everybody takes.",
            kind=ExperimentKind.MIXED,
            slot=Slot.BOUGHT,
            layer="shared-lists",
            lift_bp=3_000,
            arms=[NewArm(name="What serves now"), NewArm(name="More of the topic", figures={"topic": 2.0})],
        ),
        by=by,
    )
    experiment_replay(experiment_id=made.pk, by=by)
    experiment_start(experiment_id=made.pk, reason="Both arms keep the rules; readers shall say.", by=by)
    liked = made.arms.get(position=1).pk
    for person in people:
        shown = suggest_tried(user=person, visitor_key=None, slot=Slot.BOUGHT)
        if (code := shown.code) is None:
            continue
        for position, choice in enumerate(shown.choices, 1):
            if rng.random() < (0.3 if choice.arm == liked else 0.2) / position**0.5:
                Impression.objects.filter(served__code=code, position=position).update(clicked_at=timezone.now())


def _lists(people: Sequence[User], courses: Sequence[int], first: datetime, rng: np.random.Generator) -> None:
    served = ServedList.objects.bulk_create(
        ServedList(user=person, slot=Slot.HOME, served_at=first + timedelta(minutes=int(rng.integers(0, 14 * 1440))))
        for person in people
    )
    places, bought = [], _bought_after(served)
    for one in served:
        taken = bought.get(one.pk)
        chosen = list(dict.fromkeys([*([taken] if taken else []), *(int(pk) for pk in rng.permutation(courses))]))
        for position, course in enumerate(chosen[:PLACES], 1):
            opened = course == taken or rng.random() < OPENED[position - 1]
            places.append(
                Impression(
                    served=one,
                    position=position,
                    course_id=course,
                    source=Source.POPULAR,
                    score=1.0 / position,
                    propensity=0.25,
                    clicked_at=one.served_at + timedelta(seconds=20) if opened else None,
                )
            )
    Impression.objects.bulk_create(places, batch_size=2_000)


def _bought_after(served: Sequence[ServedList]) -> dict[int, int]:
    """List -> the course that its reader bought within a week after it, so that some lists led to an order."""
    since = min(one.served_at for one in served)
    lines = OrderLine.objects.filter(order__buyer__in=[one.user_id for one in served], order__placed_at__gte=since)
    orders: dict[int | None, list[tuple[datetime, int]]] = {}
    for buyer, placed_at, course in lines.values_list("order__buyer", "order__placed_at", "course"):
        orders.setdefault(buyer, []).append((placed_at, course))
    week = timedelta(days=7)
    return {
        one.pk: course
        for one in served
        for placed_at, course in orders.get(one.user_id, ())
        if one.served_at < placed_at < one.served_at + week
    }


def _exposures(experiment: Experiment, people: Sequence[User], began: datetime, rng: np.random.Generator) -> None:
    rows = []
    for person in people:
        assigned = arm_for(user=person, visitor_key=None, slot=Slot.HOME)
        if assigned is None:
            continue
        rows.append(
            Exposure(
                experiment=experiment,
                arm_id=assigned.arm_id,
                unit=unit_of(experiment, user=person, visitor_key=None),
                user=person,
                answer_ms=int(rng.gamma(4, 1.5)),
                exposed_at=began + timedelta(minutes=int(rng.integers(0, DAYS * 1440))),
            )
        )
    Exposure.objects.bulk_create(rows, batch_size=2_000)
