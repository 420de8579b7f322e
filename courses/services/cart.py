"""Verbs of the cart. It belongs to a browser until somebody signs in, then to the person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from courses.choices import EventKind
from courses.errors import AlreadyOwnedError, NotOnSaleError
from courses.models import CartItem, Enrolment
from courses.selectors import cart_items, on_sale
from courses.services.behaviour import behaviour_record


@transaction.atomic
def cart_add(*, visitor_key: UUID, user: User | None, course_id: int, at: datetime | None = None) -> bool:
    """Put a course into the cart; false when it lies there already. Raises NotOnSaleError, AlreadyOwnedError."""
    course = on_sale().filter(pk=course_id).first()
    if course is None:
        raise NotOnSaleError(_("This course is not on sale."))
    if user is not None and Enrolment.objects.filter(user=user, course=course, withdrawn_at=None).exists():
        raise AlreadyOwnedError(_("You own “%(course)s” already.") % {"course": course.local_title})
    if cart_items(user=user, visitor_key=visitor_key).filter(course=course).exists():
        return False
    now = at or timezone.now()
    # Two clicks at once: the second finds the first one's row by the unique index and adds none.
    CartItem.objects.bulk_create(
        [CartItem(visitor_key=visitor_key, user=user, course=course, added_at=now)], ignore_conflicts=True
    )
    behaviour_record(
        kind=EventKind.CART, user_id=user.pk if user else None, visitor_key=visitor_key, course_id=course.pk, at=now
    )
    return True


def cart_remove(*, visitor_key: UUID | None, user: User | None, course_id: int) -> bool:
    """Take a course out of the cart; false when it was not there."""
    count, _by_model = cart_items(user=user, visitor_key=visitor_key).filter(course=course_id).delete()
    return bool(count)


@transaction.atomic
def cart_merge(*, user: User, visitor_key: UUID) -> int:
    """Give what an anonymous browser collected to the person who signed in there; how many courses came along.

    Courses that lie in the person's cart already, or that the person owns, are dropped.
    """
    found = list(CartItem.objects.select_for_update().filter(visitor_key=visitor_key, user=None).order_by("pk"))
    if not found:
        return 0
    mine = set(CartItem.objects.filter(user=user).values_list("course", flat=True))
    mine |= set(Enrolment.objects.filter(user=user, withdrawn_at=None).values_list("course", flat=True))
    CartItem.objects.filter(pk__in=[item.pk for item in found]).delete()
    # Made anew, not updated: if another tab adds the same course at this instant, the unique index keeps one of them.
    brought = [
        CartItem(visitor_key=visitor_key, user=user, course_id=item.course_id, added_at=item.added_at)
        for item in found
        if item.course_id not in mine
    ]
    CartItem.objects.bulk_create(brought, ignore_conflicts=True)
    return len(brought)


def carts_empty(*, bought: Sequence[tuple[int | None, UUID | None, int]]) -> None:
    """Take what was bought, as (user, visitor, course) rows, out of the carts; one statement."""
    users, visitors, courses = zip(*bought, strict=True) if bought else ((), (), ())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM courses_cartitem AS item
            USING unnest(%s::bigint[], %s::uuid[], %s::bigint[]) AS bought (user_id, visitor_key, course_id)
            WHERE item.course_id = bought.course_id
                AND (item.user_id = bought.user_id
                    OR item.user_id IS NULL AND item.visitor_key = bought.visitor_key)
            """,
            [list(users), [str(key) if key else None for key in visitors], list(courses)],
        )
