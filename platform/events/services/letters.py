"""Writing letters to people and mailing them, each once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import Party, User
from events.choices import EventName
from events.models import Letter
from events.services.record import NewEvent, events_record


@dataclass(frozen=True, slots=True)
class Words:
    """What a letter says in the language that is active; `path` is the page of the portal that it speaks of."""

    subject: str
    body: str
    path: str = ""


@transaction.atomic
def letters_write(*, party: Party, key: str, words: Callable[[], Words], to: Iterable[User] | None = None) -> int:
    """Write to everyone with a seat in a party (or to these people), each in the own language; how many were new.

    The same key to the same person is written once. The mails leave when the transaction is committed.
    """
    people = list(to if to is not None else User.objects.filter(seats__party=party).distinct())
    known = set(Letter.objects.filter(key=key, user__in=people).values_list("user_id", flat=True))
    rows = []
    for user in people:
        if not user.is_active or user.pk in known:
            continue
        language = user.language or settings.LANGUAGE_CODE
        with translation.override(language):
            told = words()
        rows.append(
            Letter(
                user=user,
                party=party,
                key=key,
                language=language,
                subject=told.subject[:200],
                body=told.body,
                path=told.path,
            )
        )
    Letter.objects.bulk_create(rows, ignore_conflicts=True)
    fresh = Letter.objects.filter(key=key, user__in=[row.user_id for row in rows], sent_at=None)
    events_record(
        events=[
            NewEvent(name=EventName.LETTER_WRITTEN, key=str(pk), payload={"letter_id": pk})
            for pk in fresh.order_by("pk").values_list("pk", flat=True)
        ]
    )
    return len(rows)


@transaction.atomic
def letter_send(*, letter_id: int) -> bool:
    """Mail a letter; false where it was mailed before, its person wants none by mail or may not sign in any more.

    Call it where all rows are visible.
    """
    row = Letter.objects.select_for_update(of=("self",)).select_related("user").get(pk=letter_id)
    if row.sent_at is not None or not (row.user.is_active and row.user.letters_by_mail):
        return False
    context = {
        "letter": row,
        "platform_name": settings.PLATFORM_NAME,
        "url": f"{settings.BASE_URL}{row.path}" if row.path else "",
        "settings_url": f"{settings.BASE_URL}{reverse('accounts:you')}",
        "preview": row.body.partition("\n")[0],
    }
    with translation.override(row.language):
        text, html = (render_to_string(f"emails/letter.{kind}", context) for kind in ("txt", "html"))
    # A worker that dies between the mail and its commit sends it again; the same id lets mail programs show it once.
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "portal"
    mail = EmailMultiAlternatives(
        subject=" ".join(row.subject.split()),
        body=text,
        to=[row.user.email],
        headers={"Message-ID": f"<letter-{row.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(html, "text/html")
    mail.send()
    row.sent_at = timezone.now()
    row.save(update_fields=["sent_at"])
    return True


def letters_read(*, user: User, party: Party, upto: int) -> int:
    """Mark a person's letters about a party, up to this one by id, as read; how many were unread."""
    unread = Letter.objects.filter(user=user, party=party, pk__lte=upto, read_at=None)
    return unread.update(read_at=timezone.now())
