"""The lines of an order, priced: what came off, what tax and fee fell on each, and who brought the buyer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ledger.money import apportion
from ledger.splits.accounts import POOL

NO_TAX: Final = "none"
EXCLUSIVE: Final = "exclusive"
INCLUSIVE: Final = "inclusive"


class Discount(NamedTuple):
    """A price reduction of `amount` minor units; `borne_by` is an account, or `pool` if the base shrinks."""

    path: str
    amount: int
    borne_by: str


class Tax(NamedTuple):
    """How a line is taxed: a rate in bp, or (`rate_bp` None) an amount stated by whoever computed it."""

    path: str
    mode: str
    rate_bp: int | None
    amount: int


NO_TAXES: Final = Tax("", NO_TAX, None, 0)
NOBODY: Final[frozenset[str]] = frozenset()


class ChannelCredit(NamedTuple):
    """A channel's part of having brought the buyer, in ppm; `party` is None where it has no owner."""

    party: str | None
    ppm: int


class LineFacts(NamedTuple):
    """One order line, priced. Amounts are minor units of the currency paid in, those marked so of the settlement's.

    `net` is the price after discounts, `tax` the tax T, `payable` what the customer pays, P. In the settlement's
    currency: `settled` S, `settled_tax`, `borne` (one amount per non-pool discount, as posted) and `fee`.
    `limits`: the most that a party may still take of this line as a channel's owner, in that currency. `refused`:
    payables that may have no share of it, because their owner is the buyer.
    """

    id: str
    path: str
    list_price: int
    discounts: tuple[Discount, ...]
    net: int
    taxed: Tax
    tax: int
    payable: int
    settled: int
    settled_tax: int
    borne: tuple[int, ...]
    fee: int
    channels: tuple[ChannelCredit, ...]
    limits: tuple[tuple[str, int], ...]
    refused: frozenset[str]
    meter_before: int
    rule: str
    fields: Mapping[str, Any]

    @property
    def named(self) -> Sequence[Discount]:
        """The discounts that a named account bears, in order; `borne` holds what of each was posted."""
        return [discount for discount in self.discounts if discount.borne_by != POOL] if self.discounts else ()

    @property
    def base(self) -> int:
        """What the steps share: the settled price without tax, plus what others than the pool take off it."""
        return self.settled - self.settled_tax + sum(self.borne)


class Allocation(NamedTuple):
    """How an order-level amount was divided among several lines: `what` of `total` units, by `weights`."""

    what: str
    clause: str
    total: int
    weights: tuple[int, ...]


class Sale(NamedTuple):
    """An order's facts. Postings are in `settled_currency`. `fields` is what variants' conditions are held against."""

    currency: str
    settled_currency: str
    lines: tuple[LineFacts, ...]
    fields: Mapping[str, Any]
    allocations: tuple[Allocation, ...]


def divided(log: list[Allocation], what: str, clause: str, total: int, weights: Sequence[int]) -> list[int]:
    """Apportion an order-level amount and note it; where every weight is zero, the first line takes it."""
    if not total:
        return [0] * len(weights)
    used = tuple(weights) if any(weights) else (1, *[0] * (len(weights) - 1))
    log.append(Allocation(what, clause, total, used))
    return apportion(total, used)
