"""How allauth speaks to the house: who signs up is told to the outbox, who logs in lands at their own door.

It stands in the portal because it joins two floors: accounts, which must not know the outbox, and events.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.translation import get_language

from accounts.choices import Role
from accounts.models import User
from accounts.rules import may_enter, roles_of
from events.services import SignUp, sign_ups_record


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """allauth's account adapter."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Store a person who signed up, in the language of the page, and record `user.signed_up` beside it."""
        language = get_language()
        user.language = language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        super().save_user(request, user, form, commit=commit)
        if commit:
            key = str(getattr(request, "visitor_key", ""))  # set by the visitor middleware of analytics
            sign_ups_record(sign_ups=[SignUp(user_id=user.pk, visitor_key=key)])
        return user

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """The door of the person's work: marketers and staff, creators, learners; `next` in the address comes first."""
        user = request.user
        for door, page in (("admin", "admin:index"), ("creator", "/creator/")):
            if may_enter(user, door):
                only_marketer = door == "admin" and roles_of(user) == {str(Role.MARKETER)}
                return resolve_url("/marketing/" if only_marketer else page)
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponseBase:
        """On a device that never chose a language, go on in the person's own."""
        response: HttpResponseBase = super().post_login(request, user, **details)
        if user.language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                user.language,
                max_age=int(settings.SESSION_COOKIE_AGE),
                secure=settings.LANGUAGE_COOKIE_SECURE,
                samesite="Lax",
            )
        return response
