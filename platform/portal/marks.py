"""What stands beside a figure: states, freshness, change, agreement of models, avatars."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import findall

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from portal.figures import clock_text, day_text

Text = str | Promise


@dataclass(frozen=True)
class State:
    """A state: its mark, its tone, its word, and its word with a date or a reason."""

    icon: str
    tone: str
    word: Text
    dated: Text = ""
    because: Text = ""


STATES: dict[str, State] = {
    "available": State("available", "good", _("Available"), _("Available since %(date)s")),
    "pending": State("pending", "info", _("Pending"), _("Pending until %(date)s"), _("Pending: %(reason)s")),
    "on_hold": State("hold", "warn", _("On hold"), _("On hold, decision %(date)s"), _("On hold: %(reason)s")),
    "in_transit": State("transit", "accent", _("On its way"), _("On its way, arrives %(date)s")),
    "paid": State("paid", "quiet", pgettext_lazy("payout", "Paid"), _("Paid %(date)s")),
    "refunded": State("refunded", "bad", _("Refunded"), _("Refunded %(date)s"), _("Reversed: %(reason)s")),
    "disputed": State("disputed", "bad", _("Disputed"), _("Disputed, evidence by %(date)s")),
    "failed": State("failed", "bad", _("Failed"), _("Failed %(date)s"), _("Failed: %(reason)s")),
    "needs_you": State("needs", "warn", _("Needs you"), _("Needs you by %(date)s"), _("Needs you: %(reason)s")),
    "in_review": State("review", "info", _("In review"), _("In review until %(date)s"), _("In review: %(reason)s")),
    "no_earning": State("none", "quiet", _("No earning"), because=_("No earning: %(reason)s")),
    "draft": State("draft", "quiet", _("Draft"), _("Draft of %(date)s")),
}

LATE = dt.timedelta(minutes=15)
STALE = dt.timedelta(hours=2)
SPRITE = Path(__file__).parent / "static" / "portal" / "icons.svg"


def state_word(code: str, *, date: dt.date | None = None, reason: object = None) -> Text:
    """Return the word of a state, with its date or its reason where one is given.

    Raises ``KeyError`` for an unknown state and ``ValueError`` where the state takes no date or no reason.
    """
    state = STATES[code]
    if date is not None:
        if not state.dated:
            raise ValueError(f"the state {code} takes no date")
        return str(state.dated) % {"date": day_text(date, "short")}
    if reason:
        if not state.because:
            raise ValueError(f"the state {code} takes no reason")
        return str(state.because) % {"reason": reason}
    return state.word


def freshness(updated_at: dt.datetime, now: dt.datetime | None = None) -> tuple[str, str]:
    """Return how fresh a figure is (fresh, late, stale) and the sentence that says so.

    Late is more than 15 minutes behind, stale more than 2 hours.
    """
    lag = (now or timezone.now()) - updated_at
    if lag > STALE:
        since = clock_text(updated_at) if lag < dt.timedelta(hours=20) else day_text(updated_at, "short")
        return "stale", str(_("Not updated since %(time)s")) % {"time": since}
    seconds = max(int(lag.total_seconds()), 0)
    minutes = seconds // 60
    if lag > LATE:
        return "late", ngettext("%(n)s min behind", "%(n)s min behind", minutes) % {"n": minutes}
    if minutes >= 2:
        words = ngettext("Updated %(time)s, %(n)s min behind", "Updated %(time)s, %(n)s min behind", minutes)
        return "fresh", words % {"time": clock_text(updated_at), "n": minutes}
    words = ngettext("Updated %(time)s, %(n)s s behind", "Updated %(time)s, %(n)s s behind", seconds)
    return "fresh", words % {"time": clock_text(updated_at), "n": seconds}


def agreement_level(ratio: float) -> str:
    """Return how far models agree: open below 2.2, half below 3.4, warn from there (largest over smallest)."""
    return "open" if ratio < 2.2 else "half" if ratio < 3.4 else "warn"


def heat_level(value: float, median: float) -> str:
    """Return the heat class of a cell against its row's median, or nothing in the middle (section 6)."""
    if median <= 0:
        return ""
    ratio = value / median
    steps = (
        (ratio > 1.55, "above-3"),
        (ratio > 1.25, "above-2"),
        (ratio > 1.10, "above-1"),
        (ratio < 0.55, "below-3"),
        (ratio < 0.75, "below-2"),
        (ratio < 0.90, "below-1"),
    )
    return next((name for hit, name in steps if hit), "")


def initials(name: str) -> str:
    """Return one Han character or up to two Latin initials of a name."""
    words = name.split()
    if not words:
        return "–"
    if "\u4e00" <= words[0][0] <= "\u9fff":
        return words[0][0]
    return "".join(word[0] for word in (words[0], words[-1] if len(words) > 1 else "") if word).upper()


def avatar_hue(name: str) -> int:
    """Return the avatar's hue, 1 to 6, the same for the same name."""
    return hashlib.blake2b(name.encode(), digest_size=2).digest()[0] % 6 + 1


@cache
def icon_names() -> frozenset[str]:
    """Return every icon of the sprite."""
    return frozenset(findall(r'id="i-([a-z-]+)"', SPRITE.read_text(encoding="utf-8")))
