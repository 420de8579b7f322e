"""The page on which a person keeps their own account."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.choices import ConsentPurpose, Role
from accounts.forms import ConsentsForm, YouForm
from accounts.models import User
from accounts.rules import roles_of
from accounts.selectors import consents_now, seats
from accounts.services import consent_record, person_update


@login_required
@require_http_methods(["GET", "POST"])
def you(request: HttpRequest) -> HttpResponse:
    """Show and save names, language and consents; seats and roles are shown."""
    user = request.user
    assert isinstance(user, User)
    # Of visits it counts what this browser lets happen; whoever measures them says so on the request.
    observed = getattr(request, "visitor_consent", None)
    said = consents_now(user=user, observed=observed is not False)
    if observed is not None:
        said[str(ConsentPurpose.ANALYTICS)] = observed
    data = request.POST if request.method == "POST" else None
    own_seats = list(seats(visible_to=user).filter(user=user).order_by("party__name"))
    said_of_me = {field: getattr(user, field) for field in ("name", "name_zh", "letters_by_mail")}
    details = YouForm(data, initial={**said_of_me, "language": user.language or get_language()}, acts=bool(own_seats))
    consents = ConsentsForm(data, initial=said)
    if data is not None and details.is_valid() and consents.is_valid():
        answers = consents.said()
        # What nobody has said of suggestions hangs on what the browser lets happen: so that one switch does not turn
        # the other, what is left on or off there counts as said.
        then = consents_now(user=user, observed=answers[ConsentPurpose.ANALYTICS])[ConsentPurpose.PERSONALISATION]
        moved = {ConsentPurpose.PERSONALISATION} if answers[ConsentPurpose.PERSONALISATION] != then else set()
        changed = {name: granted for name, granted in answers.items() if granted != said[name] or name in moved}
        return _save(request, user, details, changed)
    context: dict[str, Any] = {
        "details": details,
        "consents": consents,
        "seats": own_seats,
        "roles": [Role(role).label for role in sorted(roles_of(user))],
    }
    return render(request, "accounts/you.html", context)


def _save(request: HttpRequest, user: User, details: YouForm, answers: Mapping[str, bool]) -> HttpResponse:
    person_update(user=user, **details.cleaned_data)
    for purpose, granted in answers.items():
        consent_record(user=user, purpose=purpose, granted=granted)
    if ConsentPurpose.ANALYTICS in answers:
        request.visitor_says = answers[ConsentPurpose.ANALYTICS]  # type: ignore[attr-defined]  # whoever measures keeps it
    with translation.override(user.language):
        messages.success(request, _("Saved."))
    response = HttpResponseRedirect(reverse("accounts:you"))
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        user.language,
        max_age=int(settings.SESSION_COOKIE_AGE),
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )
    return response
