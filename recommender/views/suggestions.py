"""Fragments that other pages embed: suggested courses, each with its reason, and what lies behind a reason."""

from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from courses.models import Course
from courses.selectors import on_sale
from courses.views.frame import learner_of, may_observe, observed_visitor, opens_page, shop
from recommender.choices import Slot
from recommender.selectors import explained
from recommender.services import Manner, Suggestions, cards_of, click_record, suggest_tried
from recommender.views.words import steps_of

SHOWN = 4
NOBODY = "00000000-0000-0000-0000-000000000000"
"""Stands in a kept band for the code of the list that it is shown as."""

CARDS = mark_safe("<!--cards-->")


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


@require_safe
@never_cache
def after_purchase(request: HttpRequest) -> HttpResponse:
    """Suggestions under an order: what was just bought is the latest of the history."""
    return _band(request, Slot.BOUGHT, None)


@require_safe
@never_cache
def opened(request: HttpRequest, code: UUID, position: int) -> HttpResponse:
    """Keep that a suggestion was opened, and go on to its course. Mail is read by programs that open every link."""
    course = click_record(
        code=code, position=position, visitor_key=observed_visitor(request), counts=opens_page(request)
    )
    if course is None:
        raise Http404(_("There is no such suggestion any more."))
    return redirect("courses:course", slug=course.slug)


@require_safe
@never_cache
def why(request: HttpRequest, code: UUID, position: int) -> HttpResponse:
    """Why a course stood at its place, to whom it was shown and to nobody else; who is not signed in may be they."""
    user = learner_of(request)
    place = explained(code=code, position=position, user=user, visitor_key=observed_visitor(request))
    if place is None and user is None:
        return redirect_to_login(request.get_full_path())
    if place is None:
        raise Http404(_("There is no such suggestion among yours."))
    context = {
        "place": place,
        "course": place.course,
        "steps": steps_of(place),
        "may_dismiss": request.user.is_authenticated,
        "private": True,
    }
    if request.headers.get("HX-Request"):
        return render(request, "recommender/why_drawer.html", context)
    return shop(request, "recommender/why_page.html", context)


def _band(request: HttpRequest, slot: Slot, course: Course | None) -> HttpResponse:
    user = learner_of(request)
    found = suggest_tried(
        user=user,
        visitor_key=observed_visitor(request),
        slot=slot,
        course=course,
        limit=SHOWN,
        observed=may_observe(request),
        arrived=getattr(request, "visitor_arrived", None),
        manner=Manner(f"band:{get_language()}:{user is not None}", partial(_written, known=user is not None)),
        keep=request.method != "HEAD",
    )
    return HttpResponse(found.written.replace(NOBODY, str(found.code or NOBODY)))


def _written(found: Suggestions, *, known: bool) -> str:
    """The band with `NOBODY` where the list's code belongs; the same as rendering it whole."""
    language = get_language() or ""
    cards = [_card(language, tuple(_addressed(card, may_dismiss=known).items())) for card in cards_of(found)]
    return _band_around(language, found.personal, known).replace(CARDS, "".join(cards)) if cards else ""


@lru_cache(maxsize=32)
def _band_around(language: str, personal: bool, known: bool) -> str:
    """The band with `CARDS` where its cards belong; all that it says is in these values."""
    del language
    return render_to_string("recommender/suggestions.html", {"cards": [CARDS], "personal": personal, "known": known})


@lru_cache(maxsize=512)
def _card(language: str, values: tuple[tuple[str, Any], ...]) -> SafeString:
    """A card; all that it says is in these values, so that it may be given again."""
    del language
    return render_to_string("components/course_card.html", dict(values))


def _addressed(card: dict[str, Any], *, may_dismiss: bool) -> dict[str, Any]:
    return {
        **card,
        "url": _address("open", NOBODY, card["position"]),
        "why_url": _address("why", NOBODY, card["position"]),
        "dismiss_url": _address("dismiss", card["key"]) if may_dismiss else "",
    }


@lru_cache(maxsize=4096)
def _address(name: str, *said: str | int) -> str:
    return reverse(f"recommender:{name}", args=said)
