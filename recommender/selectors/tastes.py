"""What a learner said of their taste."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from recommender.models import Dismissal, Taste


def taste_of(*, user: User) -> Taste | None:
    """The topics a learner chose; None where they were not asked yet."""
    return Taste.objects.filter(user=user).first()


def dismissals_of(*, visible_to: User) -> QuerySet[Dismissal]:
    """What a learner waved away, the latest first."""
    return Dismissal.objects.filter(user=visible_to).select_related("course__topic").order_by("-created_at", "-pk")


ASKED_WITHIN = timedelta(days=7)
"""People are asked for their interests when they log in so soon after they joined, once."""


def asks_for_interests(*, user: User) -> bool:
    """Whether this is somebody new whom nobody asked for their interests yet."""
    return user.date_joined > timezone.now() - ASKED_WITHIN and not Taste.objects.filter(user=user).exists()
