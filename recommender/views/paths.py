"""Learning paths: a learner's own, each with its steps. Every act is a plain form; nothing here needs a script."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from courses.selectors import on_sale
from courses.views.frame import shop
from recommender import services
from recommender.choices import StepReason
from recommender.errors import PathRefusedError
from recommender.forms import PathForm
from recommender.selectors.paths import PathPage, StepRow, path_page, paths_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def paths(request: HttpRequest) -> HttpResponse:
    """A learner's paths, and a form that plans another."""
    user = _learner(request)
    course = on_sale().filter(slug=request.GET.get("course", "")).first()
    form = PathForm(request.POST or None, initial={"course": course.slug if course else ""})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                path = services.path_create(user=user, new=form.goal())
            except PathRefusedError as refusal:
                form.add_error(None if form.cleaned_data.get("course") else "words", str(refusal))
            else:
                return redirect("paths:path", path.pk)
        course = form.cleaned_data.get("course") if hasattr(form, "cleaned_data") else None
    context = {
        "paths": [_summary(path) for path in paths_of(visible_to=user)],
        "form": form,
        "target": course,
        "private": True,
    }
    return shop(request, "recommender/paths.html", context, place="learn", status=status)


@require_safe
@never_cache
@login_required
def path(request: HttpRequest, pk: int) -> HttpResponse:
    """One path: its steps with their reasons, what is left in hours and money, and every way to change it."""
    page = path_page(path_id=pk, visible_to=_learner(request))
    if page is None:
        raise Http404(_("There is no such path."))
    following = next((row for row in page.rows if not row.is_done), None)
    context = {
        "page": page,
        "rows": [_row(row, page, is_next=row is following) for row in page.rows],
        "following": following,
        "private": True,
    }
    return shop(request, "recommender/path.html", context, place="learn")


@require_POST
@login_required
def step(request: HttpRequest, pk: int, course_id: int) -> HttpResponse:
    """Move a step, leave it out, or put another in its place."""
    user, act = _learner(request), request.POST.get("act", "")
    _own(user, pk)
    try:
        if act in {"up", "down"}:
            services.step_move(user=user, path_id=pk, course_id=course_id, by=-1 if act == "up" else 1)
        elif act == "out":
            services.step_leave_out(user=user, path_id=pk, course_id=course_id)
        elif act == "replace":
            services.step_replace(user=user, path_id=pk, course_id=course_id, by_course_id=_number(request, "course"))
    except PathRefusedError as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse('paths:path', args=[pk])}#step-{course_id}")


@require_POST
@login_required
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Plan again, add a course, take one back, or delete the path."""
    user, act = _learner(request), request.POST.get("act", "")
    _own(user, pk)
    try:
        if act == "again":
            services.path_replan(user=user, path_id=pk)
            messages.success(request, _("Planned again from where you stand now."))
        elif act == "add":
            services.step_add(user=user, path_id=pk, course_id=_number(request, "course"))
        elif act == "back":
            services.step_take_back(user=user, path_id=pk, course_id=_number(request, "course"))
        elif act == "delete":
            services.path_delete(user=user, path_id=pk)
            return redirect("paths:paths")
    except PathRefusedError as refusal:
        messages.error(request, str(refusal))
    return redirect("paths:path", pk)


def _learner(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _own(user: User, pk: int) -> None:
    get_object_or_404(paths_of(visible_to=user), pk=pk)


def _number(request: HttpRequest, name: str) -> int:
    typed = request.POST.get(name, "")
    return int(typed) if typed.isdecimal() and len(typed) < 19 else 0


def _summary(path: Any) -> dict[str, Any]:
    return {
        "path": path,
        "url": reverse("paths:path", args=[path.pk]),
        "share_bp": 10_000 * path.steps_done // path.steps_all if path.steps_all else 0,
    }


def _row(row: StepRow, page: PathPage, *, is_next: bool) -> dict[str, Any]:
    return {
        "row": row,
        "is_next": is_next,
        "icon": ICONS[StepReason(row.step.reason)],
        "why": _why(row, page),
        "is_goal": page.path.course_id == row.course.pk,
    }


ICONS = {
    StepReason.REQUIRED: "arrow-down",
    StepReason.NEXT: "streams",
    StepReason.GOAL: "target",
    StepReason.CHOSEN: "check",
}


def _why(row: StepRow, page: PathPage) -> str:
    """The step's reason as a sentence."""
    of = row.step.of
    if row.course.pk == page.path.course_id:
        return _("This is your goal")
    if row.step.reason == StepReason.REQUIRED and of is not None:
        return _("“%(course)s” asks for it") % {"course": of.local_title}
    if row.step.reason == StepReason.NEXT and of is not None:
        return _("Often taken after “%(course)s”") % {"course": of.local_title}
    if row.step.reason == StepReason.CHOSEN:
        return _("You chose it")
    return _("Matches your goal “%(goal)s”") % {"goal": page.path.title}
