"""What the floor of evidence tells of a claimed order: plain data, no rows of upper floors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from partners.selectors.weighing import Weighing
from partners.services.facts import SaleFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedOrder:
    """The order that a claim names, as it stands. Amounts in minor units of its currency.

    `left_minor`: what was paid and not given back.
    """

    code: str
    placed_at: datetime
    paid: bool
    currency: str
    total_minor: int
    left_minor: int
    coupon_code: str = ""
    coupon_owner_id: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimTouch:
    """One arrival of the buyer before the order."""

    at: datetime
    channel_id: int
    owner_id: int | None
    link_code: str = ""
    landing: str = ""


@dataclass(frozen=True, slots=True)
class ClaimCredit:
    """What a channel was credited when the order was settled, in ppm under a model."""

    model: str
    channel_id: int | None
    owner_id: int | None
    ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvidence:
    """All that is known of a claimed order; `order` None: there is none of that code.

    `journeys`: for each way of weighing that the order's terms ask for, the sale as its journey is known today (no
    lines).
    `own_clicks`: arrivals through the claimant's links within its longest look-back, whoever it was.
    """

    order: ClaimedOrder | None = None
    touches: Sequence[ClaimTouch] = ()
    credits: Sequence[ClaimCredit] = ()
    journeys: Mapping[Weighing, SaleFacts] = field(default_factory=dict)
    own_clicks: int = 0
