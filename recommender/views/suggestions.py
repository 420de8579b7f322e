"""Fragments that other pages embed: suggested courses, each with its reason."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses.models import Course
from courses.selectors import on_sale
from recommender.choices import Slot
from recommender.services import Suggestion, course_dismiss, suggest

SHOWN = 4


@require_safe
@never_cache
def for_home(request: HttpRequest) -> HttpResponse:
    """Suggestions for the learner's home and the storefront."""
    return _band(request, Slot.HOME, None)


@require_safe
@never_cache
def for_course(request: HttpRequest, pk: int) -> HttpResponse:
    """Suggestions beside a course."""
    return _band(request, Slot.COURSE, get_object_or_404(on_sale(), pk=pk))


@require_POST
@login_required
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a course out of this learner's suggestions for good."""
    course_dismiss(user=request.user, course_id=get_object_or_404(on_sale(), pk=pk).pk)  # type: ignore[arg-type]
    return HttpResponse()


def _band(request: HttpRequest, slot: Slot, course: Course | None) -> HttpResponse:
    key: UUID | None = getattr(request, "visitor_key", None)
    found = suggest(user=request.user, visitor_key=key, slot=slot, course=course, limit=SHOWN)
    cards = [_card(suggestion, may_dismiss=request.user.is_authenticated) for suggestion in found]
    return render(request, "recommender/suggestions.html", {"cards": cards, "course": course})


def _card(suggestion: Suggestion, *, may_dismiss: bool) -> dict[str, Any]:
    course = suggestion.card.course
    icon, words = _reason(suggestion)
    return {
        "title": course.local_title,
        "url": reverse("courses:course", args=[course.slug]),
        "key": course.pk,
        "by": ", ".join(suggestion.card.creators),
        "minor": course.price_minor,
        "currency": course.currency,
        "rating": suggestion.card.rating,
        "rating_count": suggestion.card.ratings,
        "reason_icon": icon,
        "reason_text": words,
        "dismiss_url": reverse("recommender:dismiss", args=[course.pk]) if may_dismiss else "",
    }


def _reason(suggestion: Suggestion) -> tuple[str, str]:
    """Why, in words: the course that spoke most for it, or how many learn it."""
    if suggestion.because:
        return "check", _("Because you looked at %(title)s") % {"title": suggestion.because[0].local_title}
    learners = suggestion.card.learners
    if learners:
        return "users", ngettext("%(count)d learner takes it", "%(count)d learners take it", learners) % {
            "count": learners
        }
    return "compass", _("Few have found it yet")
