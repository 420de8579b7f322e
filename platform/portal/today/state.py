"""Whether the machinery holds: the last verification, the last seal, news that lags."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.rules import may
from events.selectors import backlog
from ledger.selectors.waiting import BooksHealth, books_health

LATE = timedelta(minutes=15)
"""After so long a stamp counts as late, as the face says."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing looked at: a state of `portal.marks`, its words, since when, and where more of it stands."""

    mark: str
    words: str
    at: datetime | None = None
    url: str = ""


def state_of(reader: User) -> list[Sign]:
    """Signs that the reader may see."""
    signs = []
    if may(reader, "view", "ledger.seal"):
        health = books_health()
        if may(reader, "view", "ledger.verification"):
            signs.append(_verified(health))
        signs.append(_sealed(health))
    return [*signs, _lag()]


def _verified(health: BooksHealth) -> Sign:
    last = health.verification
    url = reverse("admin:ledger_verification_changelist")
    if last is None:
        return Sign("draft", _("The books were never verified; the first time comes at night."), None, url)
    url = reverse("admin:ledger_verification_change", args=[last.pk])
    if last.failed:
        words = ngettext(
            "%(n)d proof of the books does not hold.", "%(n)d proofs of the books do not hold.", last.failed
        )
        return Sign("failed", words % {"n": last.failed}, last.finished_at, url)
    words = ngettext("%(n)d proof of the books holds.", "All %(n)d proofs of the books hold.", last.proofs)
    return Sign("available", words % {"n": last.proofs}, last.finished_at, url)


def _sealed(health: BooksHealth) -> Sign:
    url = reverse("admin:ledger_seal_changelist")
    if health.seal is None:
        return Sign("draft", _("No entry is sealed yet; the first seal comes within a quarter of an hour."), None, url)
    if not health.unsealed:
        return Sign("available", _("Every entry is sealed."), health.seal.sealed_at, url)
    words = ngettext("%(n)d entry waits for its seal.", "%(n)d entries wait for their seal.", health.unsealed)
    late = timezone.now() - health.seal.sealed_at > 2 * LATE
    return Sign("needs_you" if late else "available", words % {"n": health.unsealed}, health.seal.sealed_at, url)


def _lag() -> Sign:
    waits = backlog()
    if not waits.count or waits.since is None:
        return Sign("available", _("No news waits to be handled."))
    words = ngettext(
        "%(n)d piece of news waits to be handled.", "%(n)d pieces of news wait to be handled.", waits.count
    )
    late = timezone.now() - waits.since > LATE
    return Sign("needs_you" if late else "available", words % {"n": waits.count}, waits.since)
