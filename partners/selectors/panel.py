"""What the panel of one earning shows: words and order for what `earning_explained` found."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from babel.lists import format_list
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from partners.choices import DecisionReason
from partners.selectors.explained import Explained
from partners.selectors.panel_came import came_panel
from partners.selectors.panel_words import (
    held_words,
    hold_words,
    how_words,
    is_chinese,
    joined,
    lists_locale,
    parted_before,
    reason_in_sentence,
    row_label,
    status_words,
    zero_words,
)
from partners.selectors.phrases import MODELS
from partners.selectors.steps import Row, Sharing

_FIGURES = re.compile(
    "|".join(
        [
            r"\d[\d,./]*%",
            r"\d+ days",
            r"\d+ 天",
            "stays in what remains",
            "留在剩余金额中",
            *(re.escape(words) for names in MODELS.values() for words in names),
        ]
    )
)
"""What stands out in a clause: rates, days, the paying model."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the panel leads, empty where nowhere: the agreement, its changes, the proof, the form of a claim.

    `posting` is the address of a posting with 0 in the place of its number.
    """

    agreement: str = ""
    changes: str = ""
    proof: str = ""
    claim: str = ""
    posting: str = ""


def panel_of(found: Explained, ways: Ways) -> dict[str, Any]:
    """Context of `partners/_why.html` and its foot."""
    line = found.line
    zero, state = line.status == "none", status_words(line)
    return {
        "why": found,
        "line": line,
        "ways": ways,
        "discount": -line.discount_minor,
        "after": parted_before(found.rows),
        "brought": found.came is not None and not found.sight.sides,
        "stream": _stream(found),
        "rows": _rows(found),
        "sharings": [_sharing(one, first=not i) for i, one in enumerate(found.sharings)],
        "clauses": _clauses(found),
        "came": came_panel(found),
        "happened": [
            {
                "told": one,
                "label": DecisionReason(one.reason).label,
                "url": ways.posting.replace("/0/", f"/{one.posting}/") if one.posting else "",
            }
            for one in found.since
        ],
        "points": _points(found),
        "reason": reason_in_sentence(line.reason),
        "because": joined("", zero_words(found)) if zero else "",
        "held": held_words(found),
        "hold_words": hold_words(found.arrivals.hold if found.arrivals else None),
        "status": state["status"],
        "status_reason": state["reason"],
        "status_date": state["date"],
        "assurance": found.assurance,
    }


def _stream(found: Explained) -> dict[str, Any] | None:
    """The rows as the stream draws them; None where nothing is the reader's to draw.

    What other sides pay in joins the start, because a band cannot be negative. What is kept in reserve of a share is a
    part of it here.
    """
    others = [row for row in found.rows if not row.yours]
    paid_in = sum(-row.amount for row in others if row.amount < 0)
    total = found.line.paid_minor + paid_in
    if not found.rows or not total or found.line.amount_minor <= 0:
        return None
    mine = next((row for row in found.rows if row.yours and row.formula and row.code != "reserve"), None)
    return {
        "total": total,
        "paid_in": paid_in,
        "parts": [
            {
                "label": row_label(row),
                "sort": _sort(row.side) if row.name and row.code != "refused" else "",
                "amount": row.amount,
                "note": how_words(row),
                "ref": f"§{row.clause}" if row.clause else "",
                "ref_url": _clause_url(row.clause),
            }
            for row in _whole(others)
            if row.amount > 0
        ],
        "yours_note": mine.formula if mine else "",
        "yours_ref": f"§{mine.clause}" if mine and mine.clause else "",
        "yours_ref_url": _clause_url(mine.clause) if mine else "",
    }


def _whole(rows: Sequence[Row]) -> list[Row]:
    """Rows with each reserve added to the share that it was kept from."""
    found: list[Row] = []
    for row in rows:
        places = [i for i, own in enumerate(found) if (own.code, own.side, own.name) == ("share", row.side, row.name)]
        if row.code == "reserve" and places:
            own = found[places[-1]]
            found[places[-1]] = replace(own, amount=own.amount + row.amount)
        else:
            found.append(row)
    return found


def _clause_url(number: str) -> str:
    return f"#clause-{number.replace('.', '-')}" if number else ""


def _rows(found: Explained) -> list[dict[str, Any]]:
    """Every way the money went, with its words."""
    return [
        {
            "label": row_label(row),
            "amount": row.amount,
            "clause": row.clause,
            "formula": how_words(row),
            "yours": row.yours,
        }
        for row in found.rows
    ]


def _clauses(found: Explained) -> list[dict[str, Any]]:
    """The clauses in the reader's language, those that decided this line first; figures stand out in them."""
    chinese = is_chinese()
    return [
        {
            "number": clause.number,
            "key": clause.number.replace(".", "-"),
            "parts": list(_marked(clause.zh if chinese else clause.en)),
            "decides": clause.number in found.decisive,
        }
        for clause in found.clauses
    ]


def _marked(text: str) -> Iterator[tuple[str, bool]]:
    """A text in pieces, each with whether it is a figure that decides."""
    at = 0
    for hit in _FIGURES.finditer(text):
        yield text[at : hit.start()], False
        yield hit.group(), True
        at = hit.end()
    yield text[at:], False


def _sharing(one: Sharing, *, first: bool) -> dict[str, Any]:
    """One division with its rows and a sentence about the units that were left over; under the first, about steps."""
    percents = _("Steps by percentage are rounded to the nearest smallest coin, an exact half up.")
    return {
        "of": one,
        "rows": [{"cent": cent, "label": _cent_label(cent.side, cent.name)} for cent in one.rows],
        "words": joined(_left_over(one), percents) if first else _left_over(one),
    }


def _left_over(one: Sharing) -> str:
    if not one.over:
        return _("It divides evenly; nothing was left over.")
    won = format_list(list(one.won), locale=lists_locale())
    told = [
        ngettext(
            "%(n)d unit of the smallest coin was left over. It goes to the largest remainder, %(won)s.",
            "%(n)d units of the smallest coin were left over. They go to the largest remainders, %(won)s.",
            one.over,
        )
        % {"n": one.over, "won": won}
    ]
    if one.tie:
        told.append(_("Of equal remainders the side that stands earlier in the agreement comes first."))
    lost = next((cent.left for cent in one.rows if cent.side == "you" and not cent.odd), "")
    if lost:
        told.append(_("Yours was %(left)s.") % {"left": lost})
    return joined(*told)


def _cent_label(side: str, name: str) -> str:
    return _("You") if side == "you" else name or _("Co-creator")


def _points(found: Explained) -> list[dict[str, Any]]:
    """Money's way to the reader, in the order of time; nothing where there is none."""
    line, way = found.line, found.arrivals
    if way is None or not line.amount_minor:
        return []
    earned: dict[str, Any] = {"at": line.placed_at, "title": pgettext("money's way", "Earned"), "state": "done"}
    if line.effect_at is not None and not line.net_minor:
        return [earned, {"at": line.effect_at, "title": _("Taken back with the order"), "state": "now"}]
    points: list[dict[str, Any]] = [earned]
    if way.repaid:
        note = _("pays back your advance")
        points.append({"at": line.placed_at, "amount": way.repaid, "note": note, "state": "done"})
    now = timezone.now()
    if way.free:
        free = way.free_at is None or way.free_at <= now
        state = "done" if free else "next"
        at = way.free_at or line.placed_at
        points.append({"at": at, "amount": way.free, "note": _("released"), "state": state})
        points += _payout_points(found)
    if way.reserved:
        points.append(_reserve_point(found))
    # A payout that is still to come has no day yet: it follows what is released.
    points.sort(key=lambda point: point["at"] or max(now, way.free_at or now))
    current = next((point for point in reversed(points) if point["state"] == "done"), points[0])
    current["state"] = "now" if current is not earned or len(points) == 1 else "done"
    return points


def _payout_points(found: Explained) -> Iterator[dict[str, Any]]:
    way = found.arrivals
    assert way is not None
    for payout in way.payouts:
        if payout.failed_at:
            yield {"at": payout.failed_at, "title": _("Payout"), "note": _("came back"), "state": "done"}
        else:
            note = _("arrived") if payout.arrived_at else _("on its way")
            yield {"at": payout.arrived_at or payout.at, "title": _("Payout"), "note": note, "state": "done"}
    if not way.payouts or way.payouts[-1].failed_at:
        note = _("with the next payout run") if way.payee else _("once you have said where to")
        yield {"at": None, "title": _("Payout"), "note": _("on hold") if way.hold else note, "state": "next"}


def _reserve_point(found: Explained) -> dict[str, Any]:
    way, version = found.arrivals, found.version
    assert way is not None
    if way.released:
        at, amount = way.released[-1]
        return {"at": at, "amount": amount, "note": _("reserve released"), "state": "done"}
    days = version.reserve_days if version else 0
    due = found.line.placed_at + timedelta(days=days)
    return {"at": due, "amount": way.reserved, "note": _("reserve"), "state": "next"}


def _sort(side: str) -> str:
    return {"partner": _("partner"), "co_creator": _("co-creator")}.get(side, "")
