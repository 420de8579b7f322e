"""From list price to you: where the money of a party's lines went. It ties to the last minor unit."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, Sum

from accounts.choices import PartyKind
from accounts.models import Party, User
from accounts.scope import all_rows
from ledger.selectors import Flow, line_flows
from ledger.splits.accounts import CLEARING, TAX
from partners.choices import EFFECTS, DecisionReason
from partners.models import AgreementParty
from partners.selectors.earnings import EarningsOf, decisions_of, standing

DISCOUNTS, TAXES, PROCESSING, PARTNERS, PLATFORM, CO_CREATORS, OTHERS, REFUNDS, CLAIMS = (
    "discounts",
    "tax",
    "processing",
    "partners",
    "platform",
    "co_creators",
    "others",
    "refunds",
    "claims",
)
YOURS = "yours"
PARTS = (DISCOUNTS, TAXES, PROCESSING, PARTNERS, PLATFORM, CO_CREATORS, OTHERS, REFUNDS, CLAIMS)

_NOT_THEIRS = (
    DecisionReason.SELF_CLICK,
    DecisionReason.CLICK_INJECTED,
    DecisionReason.LOST_TO_COUPON,
    DecisionReason.LOST_TO_LINK,
    DecisionReason.WINDOW_CLOSED,
    DecisionReason.NO_CREDIT,
    DecisionReason.NO_SHARE,
    DecisionReason.NO_PART,
    DecisionReason.DUPLICATE,
    DecisionReason.NOT_A_MEMBER,
    DecisionReason.NOT_IN_FORCE,
)
"""Reasons that say a sale had nothing to do with the party after all; such lines are no part of its stream."""


@dataclass(frozen=True, slots=True)
class Part:
    """What went one way, in minor units; negative where that side paid in."""

    code: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """`start` (list prices, and tax that came on top) less all parts is `yours`. `sales` counts lines that stand.

    Part REFUNDS is what refunds, disputes and corrections took back from the party of lines that stand in part; CLAIMS
    what accepted claims gave beside the sales, and the platform paid in.
    """

    currency: str
    sales: int
    list_minor: int
    start_minor: int
    parts: tuple[Part, ...]
    yours_minor: int


def earning_waterfall(*, of: EarningsOf, visible_to: User | None) -> Waterfall:
    """Sum where the money of a party's lines went; lines of which nothing is left are left out.

    Who is a party of the agreement sees the other sides apart, by role and never by name; of other sales only what the
    agreement's sides got together.
    """
    lines_of_party = standing(decisions_of(of=of, visible_to=visible_to), sums_only=True)
    claimed = lines_of_party.filter(reason=DecisionReason.CLAIMED)
    rows = lines_of_party.exclude(reason__in=EFFECTS)
    rows = rows.exclude(effect_minor__lt=0, amount_minor=-F("effect_minor"))
    # What a correction gave since is theirs after all.
    rows = rows.exclude(amount_minor=0, effect_minor=0, reason__in=_NOT_THEIRS).exclude(reason=DecisionReason.CLAIMED)
    found = list(
        rows.values_list("entry_id", "source_id", "version__agreement_id", "list_minor", "discount_minor", "paid_minor",
                         "effect_minor")
    )  # fmt: skip
    mine = set(AgreementParty.objects.filter(party=of.party).values_list("agreement_id", flat=True))
    inside = [(entry, line) for entry, line, agreement, *_ in found if entry and agreement in mine]
    outside = [(entry, line) for entry, line, agreement, *_ in found if entry and agreement not in mine]
    prices = sum(list_minor for *_, list_minor, _off, _paid, _effect in found)
    off = sum(discount for *_, discount, _paid, _effect in found)
    paid = sum(paid for *_, paid, _effect in found)
    sums = _sums(inside, outside, of.party)
    sums[DISCOUNTS] = off
    sums[PROCESSING] += paid
    sums[REFUNDS] = -sum(effect for *_, effect in found)
    given = sum(amount + since for amount, since in claimed.values_list("amount_minor", "effect_minor"))
    sums[CLAIMS] = -given
    sums[YOURS] += given - sums[REFUNDS]
    return Waterfall(
        currency=of.currency,
        sales=len(found),
        list_minor=prices,
        start_minor=paid + off,
        parts=tuple(Part(code, sums[code]) for code in PARTS),
        yours_minor=sums[YOURS],
    )


def _sums(inside: Sequence[tuple[int, str]], outside: Sequence[tuple[int, str]], party: int) -> dict[str, int]:
    """What lines moved to each side. PROCESSING is still what cleared, a negative amount: what was paid is missing."""
    # The postings of the other sides are hidden from a portal's reader; only their sums leave this module.
    with all_rows():
        flows = [(flow, True) for flow in line_flows(lines=inside)]
        flows += [(flow, False) for flow in line_flows(lines=outside)]
        parties = {flow.party_id for flow, _apart in flows if flow.party_id}
        creators = set(Party.objects.filter(pk__in=parties, kind=PartyKind.CREATOR).values_list("pk", flat=True))
    sums = dict.fromkeys((*PARTS, YOURS), 0)
    for flow, apart in flows:
        sums[_side(flow, apart, party, creators)] += flow.amount
    return sums


def _side(flow: Flow, apart: bool, party: int, creators: set[int]) -> str:
    """Which side an account's flow belongs to; `apart`: the reader is a party of the agreement."""
    if flow.account == CLEARING:
        return PROCESSING
    if flow.account == TAX:
        return TAXES
    if flow.party_id == party:
        return YOURS
    if not apart:
        return OTHERS
    if flow.party_id is None:
        return PLATFORM
    return CO_CREATORS if flow.shared and flow.party_id in creators else PARTNERS


def earned_minor(*, of: EarningsOf, visible_to: User | None) -> int:
    """What a party earned in a period, refunds taken off."""
    total = decisions_of(of=of, visible_to=visible_to).aggregate(total=Sum("amount_minor"))["total"]
    return int(total or 0)
