"""What a learner tells of their taste: interests, not for me, less like this, nothing personal."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.selectors import consents_now
from courses.selectors import visible_courses
from courses.views.frame import learner_of, may_observe, shop
from recommender.choices import Refusal
from recommender.forms import InterestsForm
from recommender.selectors import dismissals_of, taste_of
from recommender.services import course_dismiss, dismissal_undo, mail_declines, personal_set, taste_set


@require_POST
@login_required
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a course out of this learner's suggestions; with `kind=less` its topic counts less too."""
    user, course = _person(request), get_object_or_404(visible_courses(learner_of(request)), pk=pk)
    kind = request.POST.get("kind", Refusal.COURSE)
    if kind not in Refusal.values:
        return HttpResponse(status=400)
    course_dismiss(user=user, course_id=course.pk, kind=kind)
    if request.headers.get("HX-Request"):
        return render(request, "recommender/dismissed.html", {"course": course, "less": kind == Refusal.LESS})
    messages.success(request, _("%(title)s is not suggested to you any more.") % {"title": course.local_title})
    return redirect("recommender:yours")


@require_POST
@login_required
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a course that was waved away be suggested again."""
    course = get_object_or_404(visible_courses(learner_of(request)), pk=pk)
    dismissal_undo(user=_person(request), course_id=pk)
    if request.headers.get("HX-Request"):
        return render(request, "recommender/dismissed.html", {"course": course, "undone": True})
    messages.success(request, _("%(title)s may be suggested to you again.") % {"title": course.local_title})
    return redirect("recommender:yours")


@require_safe
@never_cache
@login_required
def yours(request: HttpRequest) -> HttpResponse:
    """What suggestions are made of, and every switch for them."""
    user = _person(request)
    said, taste = consents_now(user=user, observed=may_observe(request)), taste_of(user=user)
    context: dict[str, Any] = {
        "personal": said["personalisation"],
        "quiet": not may_observe(request),
        "mail": said["mail"],
        "topics": [topic.local_name for topic in taste.topics.all()] if taste else [],
        "dismissals": list(dismissals_of(visible_to=user)),
        "private": True,
    }
    return shop(request, "recommender/yours.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def interests(request: HttpRequest) -> HttpResponse:
    """Choose topics, or skip it: after signing up, and whenever taste changes."""
    user, following = _person(request), _next(request)
    taste = taste_of(user=user)
    chosen = list(taste.topics.values_list("pk", flat=True)) if taste else []
    skipped = "skip" in request.POST
    form = InterestsForm(request.POST or None, initial={"topics": chosen})
    if request.method == "POST" and (skipped or form.is_valid()):
        taste_set(user=user, topic_ids=chosen if skipped else [int(pk) for pk in form.cleaned_data["topics"]])
        if not skipped:
            messages.success(request, _("Saved. Suggestions follow your interests from now on."))
        return redirect(following)
    context = {"form": form, "next": following, "first": taste is None, "private": True}
    return shop(request, "recommender/interests.html", context)


@csrf_exempt  # mail programs post here by themselves (RFC 8058); the signed token says whose wish it is
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def mail(request: HttpRequest, token: str) -> HttpResponse:
    """Stop suggestions by mail from the link in them, without a login; POST does it."""
    done = False
    if request.method == "POST":
        done = mail_declines(token=token)
        if not done:
            raise Http404(_("This link is not one of ours, or its person is gone."))
    return shop(request, "recommender/mail.html", {"done": done, "private": True})


@require_POST
@login_required
def personal(request: HttpRequest) -> HttpResponse:
    """Switch personal suggestions on or off."""
    wanted = bool(request.POST.get("personal"))
    personal_set(user=_person(request), wanted=wanted)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    said = _("Suggestions are made for you again.") if wanted else _("You see what many learn, and nothing personal.")
    messages.success(request, said)
    return redirect("recommender:yours")


def _person(request: HttpRequest) -> User:
    user = learner_of(request)
    assert user is not None
    return user


def _next(request: HttpRequest) -> str:
    """Where to go on: an address of ours that was named, else the learner's suggestions."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return asked
    return reverse("recommender:yours")
