"""Figures and facts as the desks of money write them."""

import json
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe


def amount(minor: int | None, currency: str) -> SafeString:
    """An amount by the face's rules; a dash where there is none."""
    if minor is None or not currency:
        return mark_safe("–")
    html = render_to_string("components/money.html", {"minor": minor, "currency": currency})
    return mark_safe(html.strip())  # noqa: S308 - the component escapes


def plain_data(value: Any) -> SafeString:
    """Stored plain data, readable and exact."""
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))


def moment(at: datetime | None) -> str:
    """An instant in the house's time zone; a dash where there is none."""
    return str(formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")) if at else "–"
