"""Suggests courses at request time: history is read now, so what somebody did a second ago counts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts.models import User
from courses.models import Course, Enrolment
from courses.selectors import CourseCard, course_cards, seen_courses
from recommender.choices import Slot, Source, Stage
from recommender.models import Dismissal, Impression, ServedList, TrainingRun
from recommender.services.training_stages import models_folder

if TYPE_CHECKING:
    from recommender.engine.serve import Recommendation, Recommender

logger = logging.getLogger(__name__)
Reader = User | AnonymousUser | None


@dataclass(frozen=True)
class Suggestion:
    """A course with the reason why it is suggested: the courses that speak most for it, or none for what is popular."""

    card: CourseCard
    score: float
    because: tuple[Course, ...]


def suggest(
    *, user: Reader, visitor_key: UUID | None, slot: Slot, course: Course | None = None, limit: int = 4
) -> list[Suggestion]:
    """The best courses for this reader in this place, none that they own or waved away. Each list shown is kept.

    Beside a course, that course counts as the latest interest. Without a model that serves, nothing is suggested.
    """
    run = TrainingRun.objects.filter(stage=Stage.LIVE).first()
    recommender = _open(run)
    if run is None or recommender is None:
        return []
    history = list(reversed(seen_courses(user=user, visitor_key=visitor_key)))
    if course is not None:
        history = [pk for pk in history if pk != course.pk] + [course.pk]
    person = user if isinstance(user, User) else None
    found = recommender.recommend(history, k=limit * 3, exclude=_hidden(person))
    suggestions = _with_courses(found, limit)
    if suggestions:
        _remember(person, visitor_key, slot, course, run, suggestions)
    return suggestions


@transaction.atomic
def course_dismiss(*, user: User, course_id: int) -> None:
    """Never suggest this course to this learner again."""
    Dismissal.objects.get_or_create(user=user, course_id=course_id)


def _hidden(person: User | None) -> set[int]:
    """What this learner owns or waved away."""
    if person is None:
        return set()
    owned = Enrolment.objects.filter(user=person, withdrawn_at=None).values_list("course_id", flat=True)
    return {*owned, *Dismissal.objects.filter(user=person).values_list("course_id", flat=True)}


def _open(run: TrainingRun | None) -> "Recommender | None":
    if run is None:
        return None
    from recommender.engine.errors import EngineError
    from recommender.engine.serve import cached_recommender

    try:
        return cached_recommender(models_folder() / run.artefact, run.artefact_sha256)
    except (OSError, EngineError):
        # A missing or damaged file must not take a course page down; the admin shows which run serves.
        logger.exception("the model of run %s cannot be opened", run.pk)
        return None


def _with_courses(found: "Sequence[Recommendation]", limit: int) -> list[Suggestion]:
    """Cards and reasons for what is still on sale, in the model's order."""
    cards = {card.course.pk: card for card in course_cards([item.item_id for item in found])}
    shown = [item for item in found if item.item_id in cards][:limit]
    reasons = Course.objects.in_bulk([because.item_id for item in shown for because in item.reasons])
    return [
        Suggestion(
            card=cards[item.item_id],
            score=item.score,
            because=tuple(
                reasons[because.item_id]
                for because in item.reasons
                if because.contribution > 0 and because.item_id in reasons
            ),
        )
        for item in shown
    ]


def _remember(
    user: User | None,
    visitor_key: UUID | None,
    slot: Slot,
    course: Course | None,
    run: TrainingRun,
    suggestions: Sequence[Suggestion],
) -> None:
    served = ServedList.objects.create(user=user, visitor_key=visitor_key, slot=slot, course=course, run=run)
    Impression.objects.bulk_create(
        Impression(
            served=served,
            position=place,
            course=suggestion.card.course,
            source=Source.MODEL,
            score=suggestion.score,
            reason={"parts": [[because.pk, None] for because in suggestion.because]},
        )
        for place, suggestion in enumerate(suggestions, 1)
    )
