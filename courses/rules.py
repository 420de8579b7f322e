"""Who may do what, as predicates."""

from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from accounts.rules import is_staff
from courses.models import Enrolment, Lesson


def may_open(*, lesson: Lesson, enrolment: Enrolment | None, reader: User | AnonymousUser | None) -> bool:
    """Previews open for everyone, the rest for enrolled learners and for staff."""
    if lesson.is_preview or (enrolment is not None and enrolment.withdrawn_at is None):
        return True
    return reader is not None and is_staff(reader)
