"""Figures and facts as the desks of money write them."""

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

SOURCES = {
    "order": gettext_lazy("order"),
    "refund": gettext_lazy("refund"),
    "dispute_opened": gettext_lazy("dispute"),
    "dispute_won": gettext_lazy("dispute"),
    "payout": gettext_lazy("payout"),
    "payout_item": gettext_lazy("payout"),
    "reserve": gettext_lazy("reserve"),
    "adjustment": gettext_lazy("adjustment"),
    "claim": gettext_lazy("claim"),
    "advance": gettext_lazy("advance"),
    "guarantee": gettext_lazy("guarantee"),
    "correction": gettext_lazy("correction"),
}
"""What an entry books, in the reader's words; what is not named here is told as the book has it."""


def source_words(kind: str, number: str) -> str:
    """What an entry came from: order 261127-R8H53F8P, payout 50."""
    return f"{SOURCES.get(kind, kind)} {number}"


def amount(minor: int | None, currency: str) -> SafeString:
    """An amount by the face's rules; a dash where there is none."""
    if minor is None or not currency:
        return mark_safe('<span class="num absent">–</span>')
    return _amount(minor, currency, get_language())


@lru_cache(maxsize=20_000)
def _amount(minor: int, currency: str, _language: str | None) -> SafeString:
    """A list shows hundreds of amounts, and to draw one takes a third of a millisecond."""
    html = render_to_string("components/money.html", {"minor": minor, "currency": currency})
    return mark_safe(html.strip())  # noqa: S308 - the component escapes


def plain_data(value: Any) -> SafeString:
    """Stored plain data, readable and exact."""
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))


def moment(at: datetime | None) -> str:
    """An instant in the house's time zone; a dash where there is none."""
    return str(formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")) if at else "–"


_explained_at: list[str] = []


def postings_explained_at(name: str) -> None:
    """Say at which admin address, by name, a posting is explained; the floor that knows agreements says so."""
    _explained_at[:] = [name]


def why_link(posting: int) -> SafeString:
    """A link to how a posting came about; a dash where nobody explains postings."""
    if not _explained_at:
        return mark_safe("–")
    url = reverse(_explained_at[0], args=[posting])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, _("Why this amount"))
