"""What a caller tells of a sale to be settled: plain data, no rows of upper floors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from partners.selectors.weighing import Weighing

NOTHING: Mapping[Any, Any] = MappingProxyType({})


class ChannelCredit(NamedTuple):
    """A channel's part of having brought the learner, in ppm. Both None: unattributed; no owner: nobody earns by it."""

    channel_id: int | None
    owner_id: int | None
    ppm: int


class SaleLine(NamedTuple):
    """One line of an order, in minor units of the order's currency.

    `payable` is list price less discount, plus tax where it is on top. `item_party_ids` are the makers of what was
    bought; without an agreement they earn nothing and are told so.
    """

    line_id: str
    item_id: str
    item_title: str
    list_minor: int
    payable_minor: int
    item_title_zh: str = ""
    item_kind: str = "course"
    item_party_ids: Sequence[int] = ()
    discount_minor: int = 0
    tax_minor: int = 0


class SaleFacts(NamedTuple):
    """One paid order, as it was placed.

    `credits`: per `Weighing.key` the journey's credits, summing to 1,000,000 each; a paying model's bare name stands
    for it under any look-back and numbers. `link_*`: the last tracking link in the longest window, `coupon_*`: the
    coupon that was redeemed. `touched`: when each owner that the learner came by, in any window or before, was last
    touched.
    `flagged`: owners all of whose touches are kept and do not count, with the `DecisionReason` of the last.
    `duplicate_lines`: ids of lines whose item the learner had bought before and kept.
    `discount_bearer`: an account of the books, or `pool`.
    """

    order_code: str
    placed_at: datetime
    currency: str
    lines: Sequence[SaleLine]
    tax_inclusive: bool = True
    processor_fee_minor: int = 0
    discount_bearer: str = "pool"
    buyer_id: int | None = None
    credits: Mapping[str, Sequence[ChannelCredit]] = NOTHING
    link_owner_id: int | None = None
    link_at: datetime | None = None
    coupon_owner_id: int | None = None
    coupon_channel_id: int | None = None
    coupon_at: datetime | None = None
    touched: Mapping[int, datetime] = NOTHING
    flagged: Mapping[int, str] = NOTHING
    duplicate_lines: Collection[str] = ()

    def credited(self, asked: Weighing) -> Sequence[ChannelCredit]:
        """What channels are credited, weighed so; nothing where the caller told none."""
        return self.credits.get(asked.key) or self.credits.get(asked.model, ())


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one order: its entry (None where no money moved) and whether it was settled by this call."""

    order_code: str
    entry_id: int | None
    created: bool
