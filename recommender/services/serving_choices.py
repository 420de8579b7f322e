"""What readers say about suggestions: opened, not for me, less like this, my interests, none that are personal."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.choices import ConsentPurpose
from accounts.models import User
from accounts.services import consent_record
from courses.models import Course
from courses.selectors import on_sale
from events.choices import EventName
from events.services import event_record
from recommender.choices import Refusal
from recommender.errors import PolicyRefusedError
from recommender.models import Dismissal, Impression, ServingPolicy, Taste


@transaction.atomic
def click_record(*, code: UUID, position: int, visitor_key: UUID | None, counts: bool = True) -> Course | None:
    """Keep that a place of a list was opened, the first time; its course, None where there is no such place.

    Nothing is kept where it does not count, as when a program or a browser in advance asks for the page.
    The first time the outbox tells it as `suggestion.opened`, so that slots are a channel like any other.
    """
    place = (
        Impression.objects.select_for_update(of=("self",))
        .select_related("served", "course")
        .filter(served__code=code, position=position)
        .first()
    )
    if place is None:
        return None
    if counts and place.clicked_at is None:
        place.clicked_at = timezone.now()
        place.save(update_fields=["clicked_at"])
        event_record(
            name=EventName.SUGGESTION_OPENED,
            key=str(place.pk),
            payload={
                "impression_id": place.pk,
                "course_id": place.course_id,
                "slot": place.served.slot,
                "visitor_key": str(visitor_key) if visitor_key else "",
                "path": f"/courses/{place.course.slug}/",
            },
        )
    return place.course


@transaction.atomic
def course_dismiss(*, user: User, course_id: int, kind: str = Refusal.COURSE) -> None:
    """Never suggest this course to this learner again; with `less`, count its topic less as well."""
    Dismissal.objects.update_or_create(user=user, course_id=course_id, defaults={"kind": Refusal(kind)})


@transaction.atomic
def dismissal_undo(*, user: User, course_id: int) -> bool:
    """Let a course that was waved away be suggested again; false where it was not."""
    return bool(Dismissal.objects.filter(user=user, course_id=course_id).delete()[0])


@transaction.atomic
def taste_set(*, user: User, topic_ids: Collection[int]) -> Taste:
    """Keep the topics that a learner chose, none of them as well; they were asked then. Topics without courses go."""
    taste, _new = Taste.objects.update_or_create(user=user, defaults={"answered_at": timezone.now()})
    known = on_sale().filter(topic__in=topic_ids).values_list("topic", flat=True).order_by().distinct()
    taste.topics.set(known)
    return taste


def personal_set(*, user: User, wanted: bool) -> None:
    """Whether suggestions may be made of what this learner does; without, nothing of theirs is learned from either."""
    consent_record(user=user, purpose=ConsentPurpose.PERSONALISATION, granted=wanted)


def policy_check(*, values: Mapping[str, Any]) -> None:
    """Raise PolicyRefusedError for a name that is none, or a value out of range."""
    from recommender.engine.errors import ConfigError
    from recommender.engine.re_rank import policy_from

    try:
        policy_from(values)
    except (ConfigError, TypeError) as error:
        raise PolicyRefusedError(str(error)) from error


@transaction.atomic
def policy_write(*, values: Mapping[str, Any], note: str, by: User) -> ServingPolicy:
    """Put figures in force from now on. Raises what `policy_check` raises."""
    policy_check(values=values)
    return ServingPolicy.objects.create(values=dict(values), note=note, created_by=by)
