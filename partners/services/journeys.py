"""Who brought the learner, under one version's clauses: link against coupon, own purchases, membership."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ledger.money import PPM
from partners.choices import DecisionReason, Precedence, SelfPurchase
from partners.selectors.weighing import Weighing
from partners.services.facts import ChannelCredit, SaleFacts

COUPON, LINK = "coupon", "link"


@dataclass(slots=True)
class Journey:
    """The credits that count, and why others of those considered do not.

    `credits` are those of the paying model, or the coupon owner's million; `barred` says why an owner of some of them
    earns nothing, so that its part stays in the pool. `lost` are owners outside the credits, with the reason.
    `refused` are the buyer's own parties where the version refuses own purchases.
    """

    credits: Sequence[ChannelCredit]
    decided_by: str
    refused: frozenset[int]
    barred: dict[int, DecisionReason] = field(default_factory=dict)
    lost: dict[int, DecisionReason] = field(default_factory=dict)
    _owned: dict[int, int] | None = None

    def owned(self) -> dict[int, int]:
        """Credit in ppm by owner, of owners who may earn. Asked for when `barred` is known."""
        if self._owned is not None:
            return self._owned
        sums: dict[int, int] = {}
        for credit in self.credits:
            if credit.owner_id is not None and credit.owner_id not in self.barred:
                sums[credit.owner_id] = sums.get(credit.owner_id, 0) + credit.ppm
        self._owned = sums
        return sums

    def through(self, owner: int | None = None) -> int | None:
        """The channel with most credit, of this owner's or (None) of all; on a tie the earlier."""
        named = [c for c in self.credits if c.channel_id is not None and (owner is None or c.owner_id == owner)]
        return max(named, key=lambda credit: credit.ppm).channel_id if named else None

    def sale_channels(self, codes: Mapping[int, str]) -> list[dict[str, Any]]:
        """Return the credits as the split engine takes them; without `party` a part stays in what remains."""
        told = []
        for credit in self.credits:
            row: dict[str, Any] = {"ppm": credit.ppm}
            if credit.owner_id is not None and credit.owner_id not in self.barred:
                row["party"] = codes[credit.owner_id]
            told.append(row)
        return told

    def line_fields(
        self, *, owner_id: int | None, codes: Mapping[int, str], kinds: Mapping[int, str]
    ) -> dict[str, Any]:
        """Say the journey in the fields of a sale's line; `owner_id` is the agreement's owner, `kinds` by channel."""
        told: dict[str, Any] = {}
        if self.credits:
            told["channels"] = self.sale_channels(codes)
        refused = sorted(codes[pk] for pk in self.refused if pk in codes)
        if refused:
            told["refused"] = refused
        return {**told, "channel_kind": kinds.get(self.through() or 0, ""), "brought_by": self._brought_by(owner_id)}

    def _brought_by(self, owner_id: int | None) -> str:
        """For conditions of variants: `owner` (the agreement's own coupon or link), `partner`, or `platform`."""
        owned = self.owned()
        if not owned:
            return "platform"
        best = max(owned, key=lambda owner: owned[owner])
        return "owner" if best == owner_id else "partner"


LINE_FIELDS = ("channels", "refused", "channel_kind", "brought_by")
"""What a journey says of a line."""


def journey_of(
    sale: SaleFacts,
    *,
    asked: Weighing,
    precedence: str,
    self_purchase: str,
    own: Collection[int],
    members: Collection[int],
    duplicate: bool = False,
) -> Journey:
    """Resolve a sale's journey under one version's clauses, weighed as `asked`.

    `own` are the buyer's parties, `members` approved parties.

    A partner's coupon that takes precedence gives its owner all credit; otherwise the paying model's credits stand and
    the coupon earns nothing. A coupon whose owner may not earn does not compete. Of a `duplicate` (the learner had the
    item already) nobody is the bringer. Everybody else whom the learner came by is lost, with the reason.
    """
    opens = sale.placed_at - timedelta(days=asked.window_days)
    link = sale.link_owner_id if sale.link_at is None or sale.link_at >= opens else None
    refused = frozenset(own) if self_purchase == SelfPurchase.REFUSE else frozenset()
    parts = sale.credited(asked)
    coupon = sale.coupon_owner_id
    rival = coupon is not None and coupon not in refused and coupon in members
    first = rival and _coupon_first(sale, link, precedence)
    if first:
        journey = Journey([ChannelCredit(channel_id=sale.coupon_channel_id, owner_id=coupon, ppm=PPM)], COUPON, refused)
    else:
        journey = Journey(parts, LINK if parts else "", refused)
        if coupon is not None:
            # Who owns the link too lost to nobody: their own link is paid as the model weighs it.
            journey.lost[coupon] = DecisionReason.NO_CREDIT if coupon == link else DecisionReason.LOST_TO_LINK
    lost = DecisionReason.LOST_TO_COUPON if first else DecisionReason.NO_CREDIT
    inside = {owner for owner, at in sale.touched.items() if at >= opens}
    for owner in {credit.owner_id for credit in parts} | {link} | inside:
        if owner is not None:
            journey.lost.setdefault(owner, lost)
    for owner in sale.touched:
        journey.lost.setdefault(owner, DecisionReason.WINDOW_CLOSED)
    for owner, reason in sale.flagged.items():
        journey.lost.setdefault(owner, DecisionReason(reason))
    _bar(journey, members, duplicate=duplicate)
    return journey


def _coupon_first(sale: SaleFacts, link: int | None, precedence: str) -> bool:
    if link is None or precedence == Precedence.COUPON:
        return True
    if precedence == Precedence.LINK:
        return False
    return sale.link_at is None or (sale.coupon_at or sale.placed_at) >= sale.link_at


def _bar(journey: Journey, members: Collection[int], *, duplicate: bool) -> None:
    """Sort out owners who may not earn: own purchases, then parties that are no active members, then duplicates."""
    credited = {credit.owner_id for credit in journey.credits if credit.owner_id is not None}
    for owner in credited | journey.lost.keys():
        if owner in journey.refused:
            reason = DecisionReason.SELF_PURCHASE
        elif owner not in members:
            reason = DecisionReason.NOT_A_MEMBER
        elif duplicate:
            reason = DecisionReason.DUPLICATE
        else:
            continue
        if owner in credited:
            journey.barred[owner] = reason
        else:
            journey.lost[owner] = reason
    for owner in credited:
        journey.lost.pop(owner, None)
