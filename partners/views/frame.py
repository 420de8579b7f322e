"""What every page under /creator/ shares: who reads, for which party, which days, and the frame around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Party, User
from accounts.selectors import parties
from events.selectors import letters_unread
from partners.selectors import TABS, EarningsOf, earning_currencies

DEFAULT_DAYS = 30
SUGGESTIONS = "/creator/suggestions/"
"""Here the recommender, which stands on a floor above, shows what its suggestions did."""


@dataclass(frozen=True)
class Desk:
    """One reader's view of one party: the days (inclusive), the currency, the tab. The address holds all of it.

    `unread`: letters that the reader has not read, by party.
    """

    user: User
    party: Party
    others: tuple[Party, ...]
    since: date
    until: date
    currency: str
    currencies: tuple[str, ...]
    tab: str
    unread: Mapping[int, int]

    @property
    def of(self) -> EarningsOf:
        """The earnings that the page is about."""
        return EarningsOf(
            party=self.party.pk,
            since=_start(self.since),
            until=_start(self.until + timedelta(days=1)),
            currency=self.currency,
        )

    def query(self, **changes: Any) -> str:
        """The query that says all of it, with some keys replaced; a key replaced by None is left out."""
        keys: dict[str, Any] = {
            "party": self.party.code,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "currency": self.currency,
            "tab": self.tab,
            **changes,
        }
        return urlencode({key: value for key, value in keys.items() if value is not None})

    def url(self, **changes: Any) -> str:
        """The home's address with some keys replaced."""
        return f"{reverse('partners:home')}?{self.query(**changes)}"

    def range(self) -> dict[str, Any]:
        """Context of `components/range.html`."""
        return {
            "compare_text": _("vs the days before"),
            "presets": [
                {
                    "label": label,
                    "url": self.url(since=since.isoformat(), until=until.isoformat()),
                    "current": (since, until) == (self.since, self.until),
                    "key": key,
                }
                for label, since, until, key in _presets(timezone.localdate())
            ],
            "compare": [{"label": _("The days before"), "value": "before", "checked": True}],
            "since": self.since,
            "until": self.until,
            "hidden": [("party", self.party.code), ("currency", self.currency), ("tab", self.tab)],
            "action": reverse("partners:home"),
            "earlier_url": self._stepped(-1),
            "later_url": self._stepped(1),
        }

    def _stepped(self, times: int) -> str:
        """The same length one step back or on; empty where that lies ahead."""
        step = ((self.until - self.since) + timedelta(days=1)) * times
        since, until = self.since + step, self.until + step
        return self.url(since=since.isoformat(), until=until.isoformat()) if until <= timezone.localdate() else ""


def desk(request: HttpRequest) -> Desk:
    """Read who asks for what. The door is open only for people with a seat, so there is always a party."""
    user = request.user
    assert isinstance(user, User)
    seated = parties(visible_to=user).filter(seats__user=user).order_by("pk").distinct()
    mine = list(seated.annotate(unread=letters_unread(visible_to=user)))
    party = next((one for one in mine if one.code == request.GET.get("party")), mine[0])
    known = earning_currencies(visible_to=user, party=party.pk)
    asked = request.GET.get("currency", "")
    today = timezone.localdate()
    since, until = _day(request.GET.get("since")), _day(request.GET.get("until"))
    if since is None or until is None or until < since or (until - since).days > 3_700:
        since, until = today - timedelta(days=DEFAULT_DAYS - 1), today
    return Desk(
        user=user,
        party=party,
        others=tuple(one for one in mine if one != party),
        since=since,
        until=until,
        currency=asked if asked in known else (known[0] if known else party.currency),
        currencies=tuple(known),
        tab=tab if (tab := request.GET.get("tab", "all")) in TABS else "all",
        unread={one.pk: one.unread for one in mine},
    )


def frame(request: HttpRequest, at: Desk) -> dict[str, Any]:
    """Context of `portal_shell.html`: navigation, room, who reads."""
    entries: list[dict[str, Any]] = [
        {"label": _("Home"), "url": reverse("partners:home"), "icon": "home"},
        {"label": _("Payouts"), "url": reverse("partners:payouts"), "icon": "coins"},
        {"label": _("Statements"), "url": reverse("partners:statements"), "icon": "receipt"},
        {"label": _("Links and coupons"), "url": reverse("partners:links"), "icon": "link", "short": _("Links")},
        {"label": _("Agreements"), "url": reverse("partners:agreements"), "icon": "agreement"},
        {"label": _("Claims"), "url": reverse("partners:claims"), "icon": "shield"},
        {"label": _("Messages"), "url": reverse("partners:messages"), "icon": "message"},
    ]
    entries[-1] |= _waits(at.unread[at.party.pk])
    if stands(SUGGESTIONS):
        entries.insert(5, {"label": _("Suggestions"), "url": SUGGESTIONS, "icon": "compass"})
    for entry in entries:
        entry["current"] = request.path == entry["url"] or (
            entry["url"] == reverse("partners:claims") and request.path.startswith(entry["url"])
        )
        entry["url"] = f"{entry['url']}?{urlencode({'party': at.party.code})}"
    groups = [{"label": "", "entries": entries}]
    if at.others:
        groups.append(
            {
                "label": _("Your other seats"),
                "entries": [
                    {"label": str(one), "url": f"{reverse('partners:home')}?party={one.code}", "icon": "users"}
                    | _waits(at.unread[one.pk])
                    for one in at.others
                ],
            }
        )
    return {
        "nav": groups,
        "tabs": entries[:4],
        "more_count": sum(at.unread.values()),
        "room": at.party.local_name,
        "room_url": reverse("partners:home"),
        "user_note": at.party.get_kind_display(),
    }


def stands(path: str) -> bool:
    """Whether anything answers at a path: floors above put pages of their own beside ours."""
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def _waits(unread: int) -> dict[str, Any]:
    """What an entry of the navigation says of letters that were not read."""
    words = ngettext("%(n)d unread message", "%(n)d unread messages", unread) % {"n": unread}
    return {"count": unread, "accent": True, "count_words": words}


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _presets(today: date) -> list[tuple[str, date, date, str]]:
    month = today.replace(day=1)
    return [
        (_("Today"), today, today, "D"),
        (_("Last 7 days"), today - timedelta(days=6), today, "W"),
        (_("Last 30 days"), today - timedelta(days=29), today, "T"),
        (_("Last 90 days"), today - timedelta(days=89), today, ""),
        (_("This month"), month, today, "M"),
        (_("Last month"), (month - timedelta(days=1)).replace(day=1), month - timedelta(days=1), "L"),
        (_("Last 12 months"), today - timedelta(days=364), today, "Y"),
    ]
