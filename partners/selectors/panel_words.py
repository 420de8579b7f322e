"""Words of the panel that explains an earning, in the reader's language."""

from collections.abc import Sequence
from typing import Any

from babel.lists import format_list
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from ledger.selectors.arrivals import Hold
from partners.choices import DecisionReason, PayingModel, Precedence
from partners.selectors.earnings import DISPUTED, NONE, PENDING, REFUNDED, EarningLine
from partners.selectors.explained import Explained
from partners.selectors.steps import Row


def reason_in_sentence(reason: str) -> str:
    """Why a line paid what it paid, as words that stand inside a sentence."""
    words = str(DecisionReason(reason).label)
    return words[:1].lower() + words[1:]


def status_words(line: EarningLine) -> dict[str, Any]:
    """A line's state as `{% status %}` takes it: its code, and the date or the reason that belongs to it."""
    if line.status == NONE:
        return {"status": "no_earning", "date": None, "reason": reason_in_sentence(line.reason)}
    if line.status == REFUNDED and line.effect_reason not in {None, DecisionReason.REFUNDED}:
        return {"status": line.status, "date": None, "reason": reason_in_sentence(str(line.effect_reason))}
    date = {PENDING: line.matures_at, REFUNDED: line.effect_at}.get(line.status)
    return {"status": line.status, "date": date, "reason": ""}


def zero_words(found: Explained) -> str:
    """Why a line paid nothing, in a sentence that says what would have had to be otherwise."""
    days = found.version.window_days if found.version else 0
    model = PayingModel(found.version.paying_model).label if found.version else ""
    precedence = str(found.version.precedence) if found.version else ""
    return {
        "self_purchase": _("You, or somebody with a seat in your party, bought it. Own purchases earn nothing here."),
        "self_click": _(
            "The link was followed in a browser of somebody with a seat in your party. Own clicks count for nobody."
        ),
        "click_injected": _(
            "Your link was fetched by a page and not opened by the learner, or so shortly before the order that nobody "
            "could have chosen and ordered in between. Such clicks are kept and count for nobody."
        ),
        "window_closed": ngettext(
            "The learner had come by you, but more than %(days)d day before the order.",
            "The learner had come by you, but more than %(days)d days before the order.",
            days,
        )
        % {"days": days},
        "lost_to_coupon": _lost_to_coupon(precedence),
        "lost_to_link": _(
            "The learner came by another partner's link after your coupon, and whichever came last is paid."
        )
        if precedence == Precedence.LATEST
        else _("The learner came by another partner's link, and the link goes before your coupon."),
        "not_in_force": _("No agreement was in force when the order was placed; a later one does not reach back."),
        "not_a_member": _("Your membership in the programme was not active when the order was placed."),
        "nothing_left": _(
            "What comes before your share took all that was paid, or your part of the rest was less than the smallest "
            "coin."
        ),
        "cap_reached": _("What you had earned before this had used up your cap."),
        "no_credit": _("The learner had come by you, but the model “%(model)s” gives all credit to other touches.")
        % {"model": model},
        "duplicate": _("The learner had bought the course before and kept it; a learner is brought to a course once."),
        "no_share": _("The agreement gives nothing to those who bring such a sale."),
        "no_part": _("A sale like this one is shared among other sides; the agreement gives you no part of it."),
        "discount_borne": _("A discount that you bear took up your share."),
        "voided": _("The order was voided before it was booked, so nobody earned by it."),
    }.get(str(found.line.reason), "")


def _lost_to_coupon(precedence: str) -> str:
    """Why another partner's coupon was paid, by the agreement's clause on link against coupon."""
    if precedence == Precedence.LATEST:
        return _("The learner used another partner's coupon later than any link, and whichever came last is paid.")
    if precedence == Precedence.LINK:
        return _(
            "The learner used another partner's coupon, and no partner's link within the look-back went before it."
        )
    return _("The learner used another partner's coupon, and a coupon goes before links.")


def held_words(found: Explained) -> str:
    """Why what was earned is not free yet, or is taken back for now; empty where nothing is held."""
    line, days = found.line, found.version.hold_days if found.version else 0
    if line.status == DISPUTED:
        return _(
            "The learner's bank asks the payment back. What of it was yours is taken back until that is decided; if "
            "the bank decides for the sale, it comes back to the cent."
        )
    if line.reason != DecisionReason.HELD or not line.net_minor:
        return ""
    day = date_format(timezone.localtime(line.matures_at), "DATE_FORMAT")
    told = ngettext(
        "It is yours and is held until %(day)s: the agreement keeps every share for %(days)d day after the order, in "
        "case the learner gives the course back.",
        "It is yours and is held until %(day)s: the agreement keeps every share for %(days)d days after the order, in "
        "case the learner gives the course back.",
        days,
    )
    return told % {"day": day, "days": days}


def hold_words(hold: Hold | None) -> str:
    """Why a party's payouts are held back, in a sentence; empty where they are not."""
    if hold is None:
        return ""
    if hold.decide_by is None:
        return _("Payouts are on hold: %(reason)s. The money stays yours.") % {"reason": hold.reason.rstrip(".。")}
    told = _("Payouts are on hold: %(reason)s. It is decided by %(when)s; the money stays yours until then.")
    return told % {"reason": hold.reason.rstrip(".。"), "when": date_format(hold.decide_by, "DATE_FORMAT")}


def row_label(row: Row) -> str:
    """What a way of the money is called."""
    who = row.name or {
        "you": _("You"),
        "platform": settings.PLATFORM_NAME,
        "partner": _("Partner"),
        "co_creator": _("Co-creator"),
        "others": _("Others"),
    }.get(row.side, "")
    words = {
        "tax": _("Tax, %(rate)s included") if row.rate else _("Tax, included"),
        "tax_on_top": _("Tax, %(rate)s on top") if row.rate else _("Tax, on top"),
        "processing": _("Payment processing"),
        "fee_borne": _("Processing, paid by %(house)s"),
        "discount_borne": _("Discount borne by %(who)s"),
        "reserve": _("%(who)s, reserve"),
        "refused": _("%(house)s, share of an own purchase"),
    }.get(row.code, "%(who)s")
    return words % {"who": who, "rate": row.rate, "house": settings.PLATFORM_NAME} if "%(" in words else words


def how_words(row: Row) -> str:
    """How it was computed; where it was stated, by whom."""
    if row.formula:
        return row.formula
    return {
        "processing": _("as the payment provider charged it"),
        "tax": _("as the order states it"),
        "tax_on_top": _("as the order states it"),
    }.get(row.code, "")


def parted_before(rows: Sequence[Row]) -> str:
    """Who had its part before the reader, as a list inside a sentence."""
    sides = {(row.code, row.side): row for row in rows if row.amount > 0 and not row.yours}
    partners = {row.name or str(i) for i, row in enumerate(rows) if row.side == "partner" and row.amount > 0}
    makers = {row.name or str(i) for i, row in enumerate(rows) if row.side == "co_creator" and row.amount > 0}
    told = []
    if any(code.startswith("tax") for code, _side in sides):
        told.append(_("tax"))
    if ("processing", "platform") in sides:
        told.append(_("processing"))
    if partners:
        told.append(
            _("the partner who brought them")
            if len(partners) == 1
            else _("the %(n)d partners who brought them") % {"n": len(partners)}
        )
    if ("share", "platform") in sides:
        told.append(settings.PLATFORM_NAME)
    if makers:
        told.append(ngettext("your co-creator", "your co-creators", len(makers)))
    if any(side == "others" for _code, side in sides):
        told.append(_("the sides of the agreement"))
    return format_list(told, locale=lists_locale()) if told else ""


def joined(*sentences: str) -> str:
    """Sentences one after the other; the empty first one stands for what goes before."""
    return ("" if is_chinese() else " ").join(sentences)


def lists_locale() -> str:
    """Whose habit lists in sentences follow: no comma before the last word."""
    return "zh_Hans" if is_chinese() else "en_GB"


def is_chinese() -> bool:
    """Whether the reader reads Chinese."""
    return (get_language() or "").startswith("zh")
