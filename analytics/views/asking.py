"""From the address of the overview to what it asks for, and back to addresses."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.rules import Reader
from analytics.choices import Goal, ReportModel, Segment
from analytics.forms import COMPARISONS, DIRECT, WINDOWS, ReportForm
from analytics.selectors import Span, currencies, span_ready

DEFAULT_DAYS = 30

KEPT = {"currency", "window", "direct", "model", "goal", "by", "only", "open"}
"""Keys that stay when another range is chosen."""

PAGES = ("overview", "explorer", "journeys", "cohorts")
"""Pages over a channel report."""

MOST_OPEN = 40
"""Rows of the explorer that may be open at once."""


@dataclass(frozen=True)
class Asked:
    """What the reader asked for: a span, the model that ratios follow, the span to compare with."""

    span: Span
    model: str
    compare: str
    before: Span | None
    wrong: list[str]
    known_currencies: list[str]
    page: str
    by: str = Segment.WAYS
    goal: str = Goal.REVENUE
    opened: tuple[str, ...] = ()
    only: str = ""

    def url(self, **changes: Any) -> str:
        """The page's address with some keys replaced."""
        return f"{reverse(self.page)}?{self.query(**changes)}"

    def query(self, **changes: Any) -> str:
        """The query that says all of it."""
        return urlencode({**self.keys(), **changes})

    def keys(self) -> dict[str, Any]:
        """Keys and values of the query."""
        return {
            "since": self.span.since.isoformat(),
            "until": self.span.until.isoformat(),
            "currency": self.span.currency,
            "window": self.span.window_days,
            "model": self.model,
            "compare": self.compare,
            **({"direct": "out"} if not self.span.with_direct else {}),
            **({"by": self.by} if self.by != Segment.WAYS else {}),
            **({"goal": self.goal} if self.goal != Goal.REVENUE else {}),
            **({"only": self.only} if self.only else {}),
            **({"open": ",".join(self.opened)} if self.opened else {}),
        }

    def toggled(self, key: str) -> str:
        """The page's address with the rows below a key opened, or closed together with all below them."""
        rest = [one for one in self.opened if one != key and not one.startswith(f"{key}/")]
        return self.url(open=",".join(rest if key in self.opened else [*self.opened, key]))

    @property
    def name(self) -> str:
        """The page's own name, as forms send it."""
        return self.page.partition(":")[2]

    def range(self) -> dict[str, Any]:
        """Context of `components/range.html`."""
        words = dict(COMPARISONS)
        return {
            "compare_text": _("compared with: %(what)s") % {"what": str(words[self.compare]).lower()}
            if self.before
            else _("no comparison"),
            "presets": [
                {
                    "label": label,
                    "url": self.url(since=since.isoformat(), until=until.isoformat()),
                    "current": (since, until) == (self.span.since, self.span.until),
                    "key": key,
                }
                for label, since, until, key in _presets(timezone.localdate())
            ],
            "compare": [
                {"label": label, "value": value, "checked": value == self.compare} for value, label in COMPARISONS
            ],
            "since": self.span.since,
            "until": self.span.until,
            "hidden": [(name, value) for name, value in self.keys().items() if name in KEPT],
            "action": reverse(self.page),
            "earlier_url": self._stepped(-self.span.days),
            "later_url": self._stepped(self.span.days),
        }

    def _stepped(self, days: int) -> str:
        """The same length so many days on; empty where that lies ahead."""
        since, until = (day + timedelta(days=days) for day in (self.span.since, self.span.until))
        ahead = until > timezone.localdate()
        return "" if ahead else self.url(since=since.isoformat(), until=until.isoformat())

    def choices(self, key: str) -> list[dict[str, Any]]:
        """Options of a segmented switch: look-backs, currencies, or whether direct visits count."""
        if key == "direct":
            return [
                {"label": label, "url": self.url(direct=value), "current": (value == "in") == self.span.with_direct}
                for value, label in DIRECT
            ]
        values: list[Any] = list(WINDOWS) if key == "window" else self.known_currencies
        current = self.span.window_days if key == "window" else self.span.currency
        label = _("%(n)s days") if key == "window" else "%(n)s"
        return [
            {"label": label % {"n": value}, "url": self.url(**{key: value}), "current": value == current}
            for value in values
        ]


def read(request: HttpRequest, *, visible_to: Reader | None, page: str = "analytics:overview") -> Asked:
    """Read the query; keys that are missing or wrong take their defaults.

    Without a range it is the newest finished one of thirty days, so that the page opens on figures, not on waiting.
    """
    today, known = timezone.localdate(), currencies()
    form = ReportForm(request.GET, known_currencies=known, today=today)
    wrong = [] if form.is_valid() else [str(error) for errors in form.errors.values() for error in errors]
    values = form.cleaned_data if not wrong else {}
    currency = values.get("currency") or settings.CURRENCY
    window = values.get("window") or 30
    direct = values.get("direct") != "out"
    span = Span(values["since"], values["until"], currency, window, direct) if values.get("since") else None
    if span is None:
        ready = span_ready(
            currency=currency, window_days=window, days=DEFAULT_DAYS, visible_to=visible_to, with_direct=direct
        )
        last = today - timedelta(days=1)
        span = ready or Span(last - timedelta(days=DEFAULT_DAYS - 1), last, currency, window, direct)
    compare = values.get("compare") or "none"
    model = values.get("model") or ReportModel.LINEAR.value
    opened = tuple(dict.fromkeys(key for key in (values.get("open") or "").split(",") if key))[:MOST_OPEN]
    by, goal, only = _cut(values)
    return Asked(span, model, compare, _before(span, compare), wrong, known, page, by, goal, opened, only)


def _cut(values: dict[str, Any]) -> tuple[str, str, str]:
    """What the explorer is cut by, its goal, and within what; a course or creator is cut by channel alone."""
    only = values.get("only") or ""
    sold = bool(only) and not only.startswith("channel:")
    by = Segment.WAYS.value if sold else values.get("by") or Segment.WAYS.value
    goal = values.get("goal") or Goal.REVENUE.value
    if goal == Goal.SIGN_UPS and (sold or by != Segment.WAYS):
        goal = Goal.REVENUE.value  # nobody signs up for a course
    return by, goal, only


def page_of(request: HttpRequest) -> str:
    """The page that a form says it stands on; the overview where it says none of ours."""
    named = request.POST.get("page", "")
    return f"analytics:{named if named in PAGES else PAGES[0]}"


def _before(span: Span, compare: str) -> Span | None:
    if compare == "before":
        last = span.since - timedelta(days=1)
        return replace(span, since=last - timedelta(days=span.days - 1), until=last)
    if compare == "year":
        return replace(span, since=_year_before(span.since), until=_year_before(span.until))
    return None


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _presets(today: date) -> list[tuple[str, date, date, str]]:
    last = today - timedelta(days=1)
    month = last.replace(day=1)
    return [
        (_("Yesterday"), last, last, "D"),
        (_("Last 7 days"), last - timedelta(days=6), last, "W"),
        (_("Last 30 days"), last - timedelta(days=29), last, "T"),
        (_("Last 90 days"), last - timedelta(days=89), last, ""),
        (_("This month"), month, last, "M"),
        (_("Last month"), (month - timedelta(days=1)).replace(day=1), month - timedelta(days=1), "L"),
        (_("Last 12 months"), _year_before(last) + timedelta(days=1), last, "Y"),
        (_("Last 3 years"), last - timedelta(days=1094), last, "A"),
    ]
