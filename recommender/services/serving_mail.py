"""Suggestions by mail: once a week, to who wants news by mail, with a link that stops it."""

from datetime import date, timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.choices import ConsentPurpose
from accounts.models import Consent, User
from accounts.selectors import consents_now
from accounts.services import consent_record
from recommender.choices import Slot
from recommender.models import ServedList
from recommender.services.serving import Suggestions
from recommender.services.serving_trials import suggest_tried
from recommender.services.serving_words import cards_of

SALT = "recommender.mail"
SHOWN = 3


def mails_due() -> list[int]:
    """People who want news by mail, may sign in, and had no suggestions by mail this week."""
    said = Consent.objects.filter(purpose=ConsentPurpose.MAIL).order_by("user", "-given_at", "-pk").distinct("user")
    wanted = [user_id for user_id, granted in said.values_list("user", "granted") if granted]
    had = ServedList.objects.filter(mail_week=_week()).values("user")
    active = User.objects.filter(pk__in=wanted, is_active=True).exclude(pk__in=had)
    return list(active.order_by("pk").values_list("pk", flat=True))


def suggestions_mail(*, user_id: int) -> bool:
    """Mail one person this week's suggestions; false where they had them, want none, or nothing is left to suggest.

    A mail that could not be handed over leaves no trace, so that it is tried again.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not consents_now(user=user)["mail"]:
        return False
    try:
        with transaction.atomic(), translation.override(user.language or settings.LANGUAGE_CODE):
            return _mail(user)
    except IntegrityError:  # another worker mailed it a moment ago: one list a person and week
        return False


def _mail(user: User) -> bool:
    week = _week()
    if ServedList.objects.filter(user=user, mail_week=week).exists():
        return False
    found = suggest_tried(user=user, visitor_key=None, slot=Slot.MAIL, limit=SHOWN, mail_week=week)
    if found.code is None:
        return False
    cards = [_addressed(card, found) for card in cards_of(found)]
    if not cards:
        return False
    stop = _address("recommender:mail", mail_token(user=user))
    subject = _("What many learn this week")
    if found.personal:
        subject = ngettext("A course for you this week", "%(count)d courses for you this week", len(cards)) % {
            "count": len(cards)
        }
    context = {
        "cards": cards,
        "subject": subject,
        "name": user.get_short_name(),
        "personal": found.personal,
        "stop_url": stop,
        "yours_url": _address("recommender:yours"),
        "platform_name": settings.PLATFORM_NAME,
        "settings_url": _address("accounts:you"),
    }
    text, html = (render_to_string(f"emails/suggestions.{kind}", context) for kind in ("txt", "html"))
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "portal"
    mail = EmailMultiAlternatives(
        subject=f"{subject} · {settings.PLATFORM_NAME}",
        body=text,
        to=[user.email],
        headers={
            "Message-ID": f"<suggestions-{found.code}@{host}>",
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    mail.attach_alternative(html, "text/html")
    mail.send()
    return True


def _addressed(card: dict[str, Any], found: Suggestions) -> dict[str, Any]:
    """A card with the whole addresses of its course and of what lies behind its reason."""
    place = (found.code, card["position"])
    return {
        **card,
        "url": _address("recommender:open", *place),
        "why_url": _address("recommender:why", *place),
    }


def _address(name: str, *args: Any) -> str:
    return f"{settings.BASE_URL}{reverse(name, args=args)}"


def mail_token(*, user: User) -> str:
    """What the link in a mail carries: whose mails it stops, signed, good for as long as the installation's secret."""
    return signing.dumps(user.pk, salt=SALT)


def mail_declines(*, token: str) -> bool:
    """Stop news by mail for whom the token names; false for a token that is not ours or a person who is gone."""
    try:
        user = User.objects.filter(pk=signing.loads(token, salt=SALT)).first()
    except signing.BadSignature:
        return False
    if user is None:
        return False
    consent_record(user=user, purpose=ConsentPurpose.MAIL, granted=False)
    return True


def _week() -> date:
    """The Monday of this week."""
    today = timezone.localdate()
    return today - timedelta(days=today.weekday())
