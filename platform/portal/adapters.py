"""How allauth speaks to the house: who signs up is told to the outbox, who logs in lands at their own door.

It stands in the portal because it joins two floors: accounts, which must not know the outbox, and events.
"""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.translation import get_language

from accounts.choices import Role
from accounts.models import User
from accounts.rules import may_enter, roles_of
from events.services import SignUp, sign_ups_record
from portal.ciphers import SecretUnreadableError, decrypt, encrypt
from recommender.selectors import asks_for_interests

logger = logging.getLogger(__name__)


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

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail about an account in the language of the page, with the platform's name and addresses."""
        addresses = {
            "platform_name": settings.PLATFORM_NAME,
            "platform_url": settings.BASE_URL,
            "password_url": settings.BASE_URL + reverse("account_reset_password"),
            "security_url": settings.BASE_URL + reverse("mfa_index"),
        }
        super().send_mail(template_prefix, email, {**addresses, **context})

    def format_email_subject(self, subject: str) -> str:
        """What happened, then where."""
        return f"{subject} · {settings.PLATFORM_NAME}"

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """The door of the person's work: marketers and staff, creators, learners; `next` in the address comes first."""
        user = request.user
        for door, page in (("admin", "admin:index"), ("creator", "/creator/")):
            if may_enter(user, door):
                only_marketer = door == "admin" and roles_of(user) == {str(Role.MARKETER)}
                return resolve_url("/marketing/" if only_marketer else page)
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponseBase:
        """Go on in the person's own language on a device that never chose one; a new learner is asked for interests."""
        if not details.get("redirect_url") and not request.GET.get("next") and not request.POST.get("next"):
            at_home = self.get_login_redirect_url(request) == resolve_url(settings.LOGIN_REDIRECT_URL)
            if at_home and asks_for_interests(user=user):
                details["redirect_url"] = reverse("recommender:interests")
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


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """allauth's adapter for second factors: their seeds are encrypted in the database."""

    def encrypt(self, text: str) -> str:
        """What is stored of a seed."""
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The seed; one that nobody knows where the key is lost, so that every code given is wrong."""
        try:
            return decrypt(encrypted_text)
        except SecretUnreadableError:
            logger.exception("a second factor is unreadable, so its owner cannot log in by it")
            return str(generate_totp_secret())
