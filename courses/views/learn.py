"""Learning: the learner's home, lessons, progress, ratings, favourites."""

from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.errors import CoursesError, LessonClosedError
from courses.forms import RatingForm, rating_form
from courses.models import Course, Lesson, Rating
from courses.selectors import enrolment_of, learner_home, lesson_page, orders_of, visible_courses
from courses.services import favourite_toggle, lesson_open, progress_record, rating_give
from courses.views.frame import learner_of, may_observe, shop, suggestions_at, visitor_of

ORDERS_SHOWN = 20


@require_safe
@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """What a learner owns, where to go on, what was saved and bought."""
    user = learner_of(request)
    assert user is not None
    context = {
        "home": learner_home(visible_to=user),
        "orders": orders_of(visible_to=user)[:ORDERS_SHOWN],
        "suggestions_url": suggestions_at("/suggestions/home/"),
        "path_url": suggestions_at("/paths/"),
        "private": True,
    }
    return shop(request, "courses/learn.html", context, place="learn")


@require_safe
@never_cache
def lesson(request: HttpRequest, slug: str, lesson_id: int) -> HttpResponse:
    """A lesson, for those to whom it opens."""
    user = learner_of(request)
    page = lesson_page(slug=slug, lesson_id=lesson_id, visible_to=user)
    if page is None:
        raise Http404(_("There is no such lesson."))
    try:
        lesson_open(lesson_id=lesson_id, user=user, visitor_key=visitor_of(request) if may_observe(request) else None)
    except LessonClosedError as refusal:
        messages.info(request, str(refusal))
        return redirect("courses:course", slug=slug)
    rated = Rating.objects.filter(user=user, course=page.course).first() if user else None
    context = {
        "page": page,
        "course": page.course,
        "lesson": page.lesson,
        "own_rating": rated,
        "rating_form": rating_form(rated) if page.enrolment else None,
    }
    response = shop(request, "courses/lesson.html", context, place="learn")
    if page.lesson.video:
        # The page may play from the one place where its video lies, and no other page may.
        place = urlsplit(page.lesson.video)
        response._csp_update = {"media-src": [f"https://{place.netloc}"]}  # type: ignore[attr-defined]
    return response


@require_POST
@login_required
def finish(request: HttpRequest, slug: str, lesson_id: int) -> HttpResponse:
    """Finish a lesson and go on to the next."""
    user = learner_of(request)
    assert user is not None
    page = lesson_page(slug=slug, lesson_id=lesson_id, visible_to=user)
    if page is None:
        raise Http404
    try:
        progress_record(user=user, lesson_id=lesson_id, completed=True)
    except CoursesError as refusal:
        messages.error(request, str(refusal))
        return redirect("courses:course", slug=slug)
    enrolment = enrolment_of(user=user, course=page.course)
    if page.enrolment and page.enrolment.completed_at is None and enrolment and enrolment.completed_at is not None:
        messages.success(request, _("You finished “%(course)s”.") % {"course": page.course.local_title})
    return redirect("courses:lesson", slug=slug, lesson_id=page.next.pk if page.next else lesson_id)


@require_POST
@login_required
def progress(request: HttpRequest, slug: str, lesson_id: int) -> HttpResponse:
    """Keep how far the learner came; asked by the page while it is seen."""
    user = learner_of(request)
    assert user is not None
    given = request.POST.get("seconds", "")
    if not given.isascii() or not given.isdigit() or len(given) > 6:
        return HttpResponse(_("Seconds are a whole number."), status=400, content_type="text/plain")
    lesson = get_object_or_404(Lesson, pk=lesson_id, section__course__slug=slug)
    try:
        progress_record(user=user, lesson_id=lesson.pk, seconds=int(given))
    except CoursesError as refusal:
        return HttpResponse(str(refusal), status=refusal.status, content_type="text/plain")
    return HttpResponse(status=204)


@require_POST
@login_required
def rate(request: HttpRequest, slug: str) -> HttpResponse:
    """Rate a course; answers htmx with the form, others with the course's page."""
    user = learner_of(request)
    assert user is not None
    course = get_object_or_404(visible_courses(user), slug=slug)
    form = RatingForm(request.POST)
    given = None
    if form.is_valid():
        try:
            given = rating_give(user=user, course_id=course.pk, **form.cleaned_data)
        except CoursesError as refusal:
            form.add_error(None, str(refusal))
    if not request.headers.get("HX-Request") and given:
        messages.success(request, _("Your rating is on the course's page."))
        return redirect(f"{reverse('courses:course', args=[slug])}#ratings")
    context = {"course": course, "own_rating": given, "rating_form": form, "is_saved": given is not None}
    return render(request, "courses/_rating.html", context, status=200 if given else 422)


@require_POST
def favourite(request: HttpRequest, course_id: int) -> HttpResponse:
    """Save a course for later, or let it go."""
    user = learner_of(request)
    course = get_object_or_404(visible_courses(user), pk=course_id)
    if user is None:
        return _to_login(request, course)
    key = visitor_of(request) if may_observe(request) else None
    saved = favourite_toggle(user=user, course_id=course.pk, visitor_key=key)
    if request.headers.get("HX-Request"):
        return render(request, "courses/_favourite.html", {"course": course, "is_favourite": saved})
    return redirect("courses:course", slug=course.slug)


def _to_login(request: HttpRequest, course: Course) -> HttpResponse:
    target = f"{reverse('account_login')}?next={reverse('courses:course', args=[course.slug])}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return redirect(target)
