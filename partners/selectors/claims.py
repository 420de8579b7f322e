"""Claims as they are read: lists, evidence in words, what happened, what waits for somebody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.scope import all_rows
from ledger.selectors import parties_seen
from partners.choices import EFFECTS, ClaimBasis, ClaimReason, DecisionReason, FindingKind, PayingModel
from partners.models import Adjustment, Claim, ClaimCredit, ClaimFinding, ClaimStep, EarningDecision

SOON = timedelta(days=2)
"""How long before it is due a claim is called to mind."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A piece of evidence in the reader's words. `who` is named only where the house reads; amounts in minor units."""

    kind: FindingKind
    words: str
    who: str = ""
    at: datetime | None = None
    minor: int | None = None
    currency: str = ""
    ppm: int | None = None


def claims_of(*, party: int, visible_to: User | None) -> QuerySet[Claim]:
    """A party's claims, those that are open first; none where the reader may not see the party."""
    seen = parties_seen(visible_to)
    rows = Claim.objects.filter(party=party)
    if seen is not None and party not in seen:
        return rows.none()
    return rows.select_related("link").order_by("-pk")


def claim_steps(*, claim: Claim, house: bool) -> list[ClaimStep]:
    """What happened, the oldest first; of the house's own steps only where it reads."""
    rows = claim.steps.select_related("actor").order_by("at", "pk")
    return list(rows if house else rows.filter(shown=True))


def claim_findings(*, claim: Claim, house: bool) -> tuple[list[FindingRow], list[FindingRow]]:
    """The evidence of a claim's round: what is the party's own, and (where the house reads) what is not."""
    rows = ClaimFinding.objects.filter(claim=claim).select_related("party", "channel")
    if not house:
        rows = rows.filter(shown=True)
    of_round = rows.filter(round=claim.round).order_by("position")
    found = list(of_round) or list(rows.filter(round=claim.round - 1).order_by("position"))
    own: list[FindingRow] = []
    others: list[FindingRow] = []
    for finding in found:
        (own if finding.shown else others).append(_row(finding, house))
    return own, others


def claim_lines(*, claim: Claim) -> list[EarningDecision]:
    """What an accepted claim gave of each order line, as row-level security shows it."""
    entries = Adjustment.objects.filter(claim=claim, entry__isnull=False).values("entry")
    return list(
        EarningDecision.objects.filter(entry__in=entries, reason=DecisionReason.CLAIMED).order_by("source_id", "pk")
    )


def claims_by_entry(*, entries: Sequence[int]) -> dict[int, Claim]:
    """The claims that some entries answer or followed by, as row-level security shows them."""
    # How a claim was told names others too; only which claim an entry is of leaves this module.
    with all_rows():
        known = dict(ClaimCredit.objects.filter(entry__in=entries).values_list("entry_id", "claim_id"))
    claims = Claim.objects.in_bulk(known.values())
    return {entry: claims[pk] for entry, pk in known.items() if pk in claims}


def claim_words(*, entries: Collection[int]) -> dict[int, str]:
    """What entries of claims are called in the reader's language, by entry; others are left out."""
    claims = claims_by_entry(entries=list(entries))
    told = EarningDecision.objects.filter(entry__in=claims, reason__in=EFFECTS).values_list("entry_id", "reason")
    since = {entry: str(DecisionReason(reason).label) for entry, reason in told}
    found = {}
    for entry, claim in claims.items():
        facts = {"number": claim.pk, "order": claim.order_code, "what": since.get(entry, "")}
        words = _("Claim %(number)d, order %(order)s: %(what)s") if entry in since else None
        found[entry] = (words or _("Claim %(number)d, order %(order)s")) % facts
    return found


def brought_alone(*, since: datetime, until: datetime) -> dict[str, int]:
    """By order code, the channel that alone brought it, as accepted claims of orders placed in [since, until) say.

    For reports, which know nothing else of it; where a touch was found, that touch speaks for itself. Call it where all
    rows are visible.
    """
    rows = ClaimCredit.objects.filter(
        source_id="", basis=ClaimBasis.SOLE, channel__isnull=False, placed_at__gte=since, placed_at__lt=until
    )
    return dict(rows.values_list("order_code", "channel_id"))


def claimed_of(*, party: int, currency: str, since: datetime, until: datetime) -> int:
    """What accepted claims gave a party of orders placed in [since, until), less what was taken back since.

    In minor units of `currency`. Call it where all rows are visible.
    """
    rows = ClaimCredit.objects.filter(claim__party=party, currency=currency, placed_at__gte=since, placed_at__lt=until)
    return int(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0)


@dataclass(frozen=True, slots=True)
class ClaimMove:
    """What an event of the order moved of what an accepted claim gave, in minor units."""

    at: datetime
    reason: DecisionReason
    minor: int
    currency: str
    entry_id: int


def claim_since(*, claim: Claim) -> list[ClaimMove]:
    """How an accepted claim followed what happened to its order since, the first one first.

    The claim must be one that the reader may see.
    """
    with all_rows():
        moved = list(ClaimCredit.objects.filter(claim=claim).exclude(source_id="").order_by("pk"))
        told = EarningDecision.objects.filter(entry__in=[row.entry_id for row in moved], party=claim.party_id)
        reasons = dict(told.values_list("entry_id", "reason"))
    return [
        ClaimMove(row.at, DecisionReason(reasons[row.entry_id]), row.amount_minor, row.currency, row.entry_id)
        for row in moved
    ]


def claim_of_decision(*, decision_id: int, visible_to: User | None) -> Claim | None:
    """The claim that a decision `claimed` speaks of; None for other decisions and those that are not the reader's."""
    seen = parties_seen(visible_to)
    found = EarningDecision.objects.filter(pk=decision_id, reason=DecisionReason.CLAIMED).first()
    if found is None or found.entry_id is None or (seen is not None and found.party_id not in seen):
        return None
    return claims_by_entry(entries=[found.entry_id]).get(found.entry_id)


def reason_told(reason: str) -> str:
    """A verdict's reason as a sentence for the party."""
    return _sentences()[ClaimReason(reason)]


def _sentences() -> Mapping[ClaimReason, str]:
    return {
        ClaimReason.CLICK_FOUND: _("A click through your link was found within the look-back of the agreement."),
        ClaimReason.COUPON_FOUND: _("Your coupon was used on this order."),
        ClaimReason.PROVEN_ELSEWHERE: _("What you showed us proves that you brought the order."),
        ClaimReason.NO_SUCH_ORDER: _("There is no order with this code."),
        ClaimReason.NOT_PAID: _("The order was not paid, or it was cancelled, so nothing was earned by it."),
        ClaimReason.GIVEN_BACK: _("All of the order was given back to the learner, so nothing is left to share."),
        ClaimReason.ALREADY_CREDITED: _("The order is credited to you already; you find it among your earnings."),
        ClaimReason.SELF_PURCHASE: _("The buyer belongs to your party; the agreement pays nothing for own purchases."),
        ClaimReason.NOT_A_MEMBER: _("Your party is no active member of the programme."),
        ClaimReason.NOT_IN_FORCE: _("No agreement was in force for what was bought when the order was placed."),
        ClaimReason.NO_SHARE: _("The agreement for what was bought gives nothing to those who bring learners."),
        ClaimReason.NO_TOUCH: _("The buyer came through none of your links and used none of your coupons."),
        ClaimReason.OUTSIDE_WINDOW: _("The buyer came through your link, but before the agreement's look-back began."),
        ClaimReason.CLICK_REFUSED: _("Your link was followed by your own party, or not opened by the buyer as a page."),
        ClaimReason.LOST_TO_COUPON: _("By the agreement another partner's coupon goes before your link here."),
        ClaimReason.LOST_TO_LINK: _("By the agreement another partner's link goes before your coupon here."),
        ClaimReason.OTHER_PARTNER: _("By the agreement's paying model the order belongs to another partner."),
        ClaimReason.NO_CREDIT: _("By the agreement's paying model your link gets no credit for this order."),
        ClaimReason.DUPLICATE: _("The learner had bought the course before and kept it; a course is brought once."),
        ClaimReason.CAP_REACHED: _("The most that the agreement gives you was reached."),
        ClaimReason.NOTHING_LEFT: _("After the agreement's earlier steps nothing was left to share."),
    }


def _row(finding: ClaimFinding, house: bool) -> FindingRow:
    facts: dict[str, Any] = finding.facts
    kind = FindingKind(finding.kind)
    who = finding.party.local_name if finding.party and house else ""
    minor, currency = facts.get("amount"), facts.get("currency", "")
    if kind == FindingKind.ORDER and "total" in facts:
        minor = facts["left"]
    return FindingRow(
        kind=kind,
        words=_words(kind, finding, facts, house),
        who=who,
        at=finding.at,
        minor=minor,
        currency=currency if minor is not None else "",
        ppm=facts.get("ppm"),
    )


def _words(kind: FindingKind, finding: ClaimFinding, facts: Mapping[str, Any], house: bool) -> str:
    if kind == FindingKind.ORDER:
        return _order(facts)
    if kind == FindingKind.TERMS:
        days = facts["window_days"]
        return ngettext("The look-back is %(days)d day.", "The look-back is %(days)d days.", days) % {"days": days}
    if kind == FindingKind.BUYER:
        return _("The buyer has a seat in the claiming party.") if house else _("The buyer belongs to your party.")
    if kind == FindingKind.CLICKS:
        return _clicks(facts["count"], house)
    if kind == FindingKind.CLAIM:
        number = facts.get("claim", "") if house else ""
        return _("Claims the same order: claim %(number)s") % {"number": number}
    return _came(kind, finding, facts)


def _clicks(count: int, house: bool) -> str:
    """Arrivals by the claimant's links, whoever it was."""
    theirs = ngettext(
        "%(count)d arrival through the partner's links within the look-back, whoever it was.",
        "%(count)d arrivals through the partner's links within the look-back, whoever it was.",
        count,
    )
    yours = ngettext(
        "%(count)d arrival through your links within the look-back, whoever it was.",
        "%(count)d arrivals through your links within the look-back, whoever it was.",
        count,
    )
    return (theirs if house else yours) % {"count": count}


def _came(kind: FindingKind, finding: ClaimFinding, facts: Mapping[str, Any]) -> str:
    """How the buyer came, and what that counted for."""
    channel = finding.channel.local_name if finding.channel else _("Unattributed")
    if kind == FindingKind.TOUCH:
        inside, early = (
            _("The buyer came by %(channel)s."),
            _("The buyer came by %(channel)s, before the look-back began."),
        )
        link = f"{channel} · {facts['link']}" if facts["link"] else channel
        return (inside if facts["inside"] else early) % {"channel": link}
    if kind == FindingKind.COUPON:
        told = _("Coupon %(code)s was used and decided.") if facts["decided"] else _("Coupon %(code)s was used.")
        return told % {"code": facts["code"]}
    if kind == FindingKind.CREDIT:
        model = str(PayingModel(facts["model"]).label)
        return _("When it was settled: %(channel)s, under %(model)s.") % {"channel": channel, "model": model}
    return _("Decided: %(reason)s") % {"reason": DecisionReason(facts["reason"]).label}


def _order(facts: Mapping[str, Any]) -> str:
    if "code" in facts:
        state = _("paid") if facts["paid"] else _("not paid, or cancelled")
        return _("Order %(code)s, %(state)s; what is left of it:") % {"code": facts["code"], "state": state}
    if not facts["known"]:
        return _("There is no order with this code.")
    if facts["same_day"]:
        return _("The order exists and was placed on the day that the claim names.")
    return _("The order exists, but it was not placed on the day that the claim names.")
