"""What suggestions did, for creators about their own courses and for marketers about all."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from partners.views.frame import desk, frame
from recommender import services
from recommender.choices import Slot
from recommender.selectors import Shown, courses_shown, serving_figures

DAYS = (30, 90, 365)


@require_safe
@never_cache
@entrance("creator")
def for_creators(request: HttpRequest) -> HttpResponse:
    """How the party's courses were suggested, opened and bought, by course and place."""
    at = desk(request)
    days, since, until = _stretch(request)
    rows = courses_shown(party_id=at.party.pk, since=since, until=until)
    total = Shown()
    for row in rows:
        total.add(row.total)
    context = {
        **frame(request, at),
        "desk": at,
        "rows": [{"of": row, "slots": _slots(row.slots)} for row in rows],
        "total": total,
        "policy": services.policy_in_force(),
        "spans": _spans(days, party=at.party.code),
    }
    return render(request, "recommender/creator.html", context)


def for_marketers(request: HttpRequest, around: Mapping[str, Any]) -> HttpResponse:
    """What suggestions brought, and who got the places; `around` is the frame of the marketer's pages."""
    days, since, until = _stretch(request)
    figures = serving_figures(since=since, until=until)
    context = {
        **around,
        "figures": figures,
        "slots": _slots(figures.slots),
        "rows": [{"of": row, "slots": _slots(row.slots)} for row in figures.courses],
        "spans": _spans(days),
    }
    return render(request, "recommender/marketing.html", context)


def _stretch(request: HttpRequest) -> tuple[int, datetime, datetime]:
    """The last so many whole days, today among them."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(days) for days in DAYS} else DAYS[0]
    first = timezone.localdate() - timedelta(days=days - 1)
    since = datetime.combine(first, time.min, timezone.get_default_timezone())
    return days, since, since + timedelta(days=days)


def _spans(days: int, **query: str) -> list[dict[str, Any]]:
    """The stretches to choose from, as `components/seg.html` takes them."""
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return [
        {
            "label": ngettext("%(n)d day", "%(n)d days", choice) % {"n": choice},
            "url": f"?days={choice}{more}",
            "current": choice == days,
        }
        for choice in DAYS
    ]


def _slots(slots: Mapping[str, Shown]) -> list[dict[str, Any]]:
    """Places in which something was shown, with their names."""
    return [{"label": Slot(slot).label, "shown": shown} for slot, shown in slots.items() if shown.shows]
