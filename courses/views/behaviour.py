"""What pages tell of their readers: a view once the page stands, a stay when it is left."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from courses.choices import EventKind
from courses.selectors import visible_courses
from courses.services import behaviour_record
from courses.views.frame import learner_of, may_observe, visitor_of

LONGEST_STAY = 4 * 3600


@require_POST
def view(request: HttpRequest, course_id: int) -> HttpResponse:
    """Record that a course's page was seen."""
    return _record(request, course_id, EventKind.VIEW, 1)


@require_POST
def stay(request: HttpRequest, course_id: int) -> HttpResponse:
    """Record for how many seconds a course's page was seen."""
    given = request.POST.get("seconds", "")
    if not given.isascii() or not given.isdigit() or len(given) > 6 or not int(given):
        return HttpResponse(status=400)
    return _record(request, course_id, EventKind.DWELL, min(int(given), LONGEST_STAY))


def _record(request: HttpRequest, course_id: int, kind: EventKind, value: int) -> HttpResponse:
    user = learner_of(request)
    if may_observe(request) and visible_courses(user).filter(pk=course_id).exists():
        behaviour_record(
            kind=kind,
            user_id=user.pk if user else None,
            visitor_key=visitor_of(request),
            course_id=course_id,
            value=value,
        )
    return HttpResponse(status=204)
