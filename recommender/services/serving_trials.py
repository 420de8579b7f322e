"""Suggestions in every place, by the experiment that runs there: its arm serves, and who saw it is kept."""

from collections.abc import Callable
from datetime import date
from time import perf_counter
from uuid import UUID

from accounts.models import User
from courses.models import Course
from recommender.choices import Slot
from recommender.selectors import reader_facts
from recommender.services.experiments import arm_for, exposure_record
from recommender.services.serving import Came, Manner, Reader, Suggestions, suggest


def suggest_tried(
    *,
    user: Reader,
    visitor_key: UUID | None,
    slot: Slot,
    course: Course | None = None,
    limit: int = 4,
    observed: bool = True,
    mail_week: date | None = None,
    arrived: Callable[[], Came | None] | None = None,
    manner: Manner | None = None,
    keep: bool = True,
) -> Suggestions:
    """As `suggest`, by the arm that this reader is in where an experiment runs in this place.

    Pages, mails and programs call it alike, so the same reader is in the same arm in all of them. An exposure is kept
    once there is something to see; in a mail with the mail itself, so one that was not sent exposes nobody. Lists that
    two arms share say so place by place and need none.
    """
    person, began = user if isinstance(user, User) else None, perf_counter()
    facts = reader_facts(user=person, visitor_key=visitor_key, observed=observed)
    assigned = arm_for(user=person, visitor_key=visitor_key, slot=slot) if slot in facts.trials else None
    found = suggest(
        user=person,
        visitor_key=visitor_key,
        slot=slot,
        course=course,
        limit=limit,
        run=assigned.run if assigned and not assigned.sides else None,
        policy=assigned.policy if assigned and not assigned.sides else None,
        sides=assigned.sides if assigned else None,
        observed=observed,
        mail_week=mail_week,
        arrived=arrived,
        facts=facts,
        manner=manner,
        keep=keep,
    )
    if keep and assigned and found.choices and not assigned.sides:
        spent = round(1000 * (perf_counter() - began))
        exposure_record(assigned=assigned, user=person, visitor_key=visitor_key, answer_ms=spent)
    return found
