"""Every request's person, its scope in the database, and the second factor of staff."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import structlog
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.rules import is_staff, reading_beside, seats_of
from accounts.selectors import second_factors
from accounts.statements import WHOSE, known_here, planned, prepared

GetResponse = Callable[[HttpRequest], HttpResponse]

_READ = (
    "SELECT coalesce(current_setting('app.scope', true), ''), coalesce(current_setting('app.parties', true), ''),"
    " coalesce(current_setting('pghistory.context_metadata', true), '')"
)
_SAY = (
    "SELECT set_config('app.scope', %s, true), set_config('app.parties', %s, true),"
    " set_config('pghistory.context_metadata', %s, true)"
)


class PersonMiddleware(AuthenticationMiddleware):
    """Django's `request.user`, who comes with their session in one statement (`portal.backend.sessions`)."""

    def process_request(self, request: HttpRequest) -> None:
        """Set `request.user`, read when first asked for."""
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _person(request))  # type: ignore[assignment]  # as Django does


def _person(request: HttpRequest) -> User | AnonymousUser:
    kept = request.__dict__
    if "_cached_user" not in kept:  # by Django's own name
        beside = getattr(request.session, "person_beside", None)
        with reading_beside(beside) if beside else nullcontext():
            kept["_cached_user"] = get_user(request)
    found: User | AnonymousUser = kept["_cached_user"]
    return found


class ScopeMiddleware:
    """One transaction around the view and the rendering of its template, in the reader's scope. Stands innermost.

    Staff see every party's rows, people with seats those of their parties, all others none; the audit trail learns
    who acts and on which request. An exception, a 5xx and an error reply of the API roll everything back.
    The body of a streaming response is read after the commit, outside the scope: see `accounts.scope.streamed`.
    A view with the attribute `needs_no_database` runs without any of this.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on; `process_view` opens the transaction and leaving this block closes it."""
        with ExitStack() as stack:
            request.__dict__["_scope"] = stack
            response = self.get_response(request)
            if _is_open(request) and (response.status_code >= 500 or getattr(response, "exception", False)):
                transaction.set_rollback(True)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        """Open the transaction, now that it is known which view will run."""
        if not getattr(view, "needs_no_database", False):
            request.__dict__["_scope"].enter_context(_scoped(request))
            request.__dict__["_scope_open"] = True
            request.user = request.__dict__.get("_cached_user", request.user)  # known by now; by itself it is quicker

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Roll back what the view did before it failed, and close the transaction before an error page is rendered."""
        if _is_open(request):
            request.__dict__["_scope_open"] = False
            request.__dict__["_scope"].__exit__(type(exception), exception, exception.__traceback__)


def _is_open(request: HttpRequest) -> bool:
    return bool(request.__dict__.get("_scope_open"))


@contextmanager
def _scoped(request: HttpRequest) -> Iterator[None]:
    before = _read() if connection.in_atomic_block else None  # a test's transaction goes on afterwards
    scope = _scope_of(request)
    connection.begin_late()  # type: ignore[attr-defined]  # our backend's
    try:
        with transaction.atomic(), planned(_say(*scope)):
            yield
    finally:
        if before is not None:
            _say(*before)


def _scope_of(request: HttpRequest) -> tuple[str, str, str]:
    """Scope, parties and audit context of a request, as the database reads them."""
    user = request.user
    context = {"url": request.path, "method": request.method}
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        context["request"] = str(request_id)
    if not user.is_authenticated:
        return "", "", json.dumps(context)
    body = json.dumps({"actor": user.pk, **context})
    if is_staff(user):
        return "all", "", body
    return "", ",".join(str(party) for party in sorted(seats_of(user))), body


def _read() -> tuple[str, str, str]:
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        scope, parties, context = cursor.fetchone()
    return scope, parties, context


def _say(scope: str, parties: str, context: str) -> Collection[str]:
    """Say it to the transaction, with its first statement where it begins late; what its connection has prepared."""
    known, values = known_here(), [scope, parties, context]
    with connection.cursor() as cursor:
        if known is None:
            cursor.execute(f"{_SAY}, {WHOSE}", values)
            return prepared(*cursor.fetchone()[-2:])
        if connection.is_late:  # type: ignore[attr-defined]  # our backend's
            connection.ahead.append(cursor.mogrify(_SAY, values).decode())  # type: ignore[attr-defined]
        else:
            cursor.execute(_SAY, values)
    return known


class SecondFactorMiddleware:
    """Staff without a second factor are sent to set one up before anything behind the doors for staff.

    Elsewhere, in the shop, they see what everybody sees until then: no drafts, no closed lessons.

    A session counts as proven when a code or key was given in it, at login, at a re-authentication, or by setting the
    factor up, and for as long as the person keeps that factor. Switched off by `STAFF_SECOND_FACTOR = False`, which
    only a demo has. Who was on the way somewhere finds the way on in the session, see `way_on`.
    """

    doors = ("/admin/", "/marketing/", "/patterns/", "/api/")
    open_doors = ("/admin/login/", "/admin/logout/", "/admin/jsi18n/")
    setting_up = frozenset({"mfa_activate_totp", "mfa_add_webauthn"})

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on; remember a factor that was set up by it."""
        response = self.get_response(request)
        if request.__dict__.get("_setting_up"):
            request.session[_PROVEN] = sorted(second_factors(user_id=request.user.pk))
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:  # noqa: ARG002
        """Let the request pass, or send the person to set up or give the second factor."""
        match = request.resolver_match
        if request.method == "POST" and match and match.url_name in self.setting_up:
            user = request.user
            request.__dict__["_setting_up"] = user.is_authenticated and not second_factors(user_id=user.pk)
        user = request.user
        if not getattr(settings, "STAFF_SECOND_FACTOR", True) or not isinstance(user, User) or not user.is_staff:
            return None
        kinds = second_factors(user_id=user.pk)
        proven = _is_proven(request, user, kinds)
        if not self._is_guarded(request):
            user.factor_due = not proven
            return None
        if proven:
            request.session.pop(_WANTED, None)
            return None
        if request.path.startswith("/api/"):
            text = _("Staff need a second factor in this session.")
            return JsonResponse({"code": "second_factor_required", "detail": text}, status=403)
        query = urlencode({"next": request.get_full_path()})
        if kinds:
            by_code = Authenticator.Type.TOTP in kinds.values()
            return HttpResponseRedirect(f"{reverse(_BY_CODE if by_code else _BY_KEY)}?{query}")
        if request.method == "GET":
            request.session[_WANTED] = request.get_full_path()
        messages.info(request, _("Your role needs a second factor. Set one up, then go on."))
        return HttpResponseRedirect(f"{resolve_url('mfa_index')}?{query}")

    def _is_guarded(self, request: HttpRequest) -> bool:
        return request.path.startswith(self.doors) and not request.path.startswith(self.open_doors)


_PROVEN, _WANTED = "second_factor_proven_by", "second_factor_wanted"
_BY_CODE, _BY_KEY = "mfa_reauthenticate", "mfa_reauthenticate_webauthn"


def way_on(request: HttpRequest) -> str:
    """Where a person was sent away from to set a second factor up, once they have one; else nothing."""
    wanted: str = request.session.get(_WANTED, "")
    return wanted if wanted and second_factors(user_id=request.user.pk) else ""


def _is_proven(request: HttpRequest, user: User, factors: dict[int, str]) -> bool:
    records: list[dict[str, Any]] = get_authentication_records(request, user)
    given = {record.get("id") for record in records if record.get("method") == "mfa"}
    return not factors.keys().isdisjoint(given | set(request.session.get(_PROVEN, ())))
